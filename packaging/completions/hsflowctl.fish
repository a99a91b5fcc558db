# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hsflowctl_global_optspecs
    string join \n h/help V/version
end

function __fish_hsflowctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hsflowctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hsflowctl_using_subcommand
    set -l cmd (__fish_hsflowctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -s V -l version -d 'Print version'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "check" -d 'Report every problem of a configuration file'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "config" -d 'Print configurations'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "decode" -d 'Print sFlow datagrams'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "demo" -d 'Run an agent of this user and print what it sends'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "doctor" -d 'Does this host have what the agent needs?'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "explain" -d 'Say why something is as it is'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "migrate" -d 'Say what will be otherwise than with the C agent that was here'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "once" -d 'Print what would be sent now'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "policy" -d 'Ask hsflowd-policy, or have it do something'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "privileges" -d 'Say what systemd has to give the agent for its configuration, and why'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "reload" -d 'Have the running agent read its configuration again'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "status" -d 'What the running agent does, and what is wrong'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "top" -d 'What this host is doing, or all hosts whose sFlow comes to a port'
complete -c hsflowctl -n "__fish_hsflowctl_needs_command" -f -a "web" -d 'The same as a page for a browser'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand check" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and not __fish_seen_subcommand_from default show" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and not __fish_seen_subcommand_from default show" -f -a "default" -d 'The commented default configuration'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and not __fish_seen_subcommand_from default show" -f -a "show" -d 'Every effective value, and where it came from'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and __fish_seen_subcommand_from default" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and __fish_seen_subcommand_from show" -l file -d 'Of this file, instead of the running agent' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and __fish_seen_subcommand_from show" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'One JSON array'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -s r -l read -d 'The same' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l listen -d 'Receive here: ADDRESS:PORT, or a port on every address' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l socket -d 'The agent\'s control socket, beside which its stream is' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l pcap -d 'Sampled packets into this capture file, - for standard output' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l forward -d 'Send every datagram on to HOST or HOST:PORT; may be repeated' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l anonymise-key -d 'Replace all addresses by others, the same ones whenever this file\'s key is used' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l count -d 'End after this many datagrams' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l timeout -d 'End after this many seconds; exit status 1 if the count was not reached' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l stream -d 'What the running agent sends'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l json -d 'One JSON object a datagram, one a line'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l csv -d 'One line a packet sample (FLOW) and interface (CNTR), with the columns of sflowtool -l'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l grep -d 'One line a value, with where it comes from in front'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l influx -d 'Line protocol of InfluxDB'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -l anonymise -d 'Replace all addresses by others, with a key that is forgotten at the end'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand decode" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand demo" -l count -d 'End after this many datagrams' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand demo" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand doctor" -s f -l config -d 'Configuration; of a running agent, its own' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand doctor" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand doctor" -l calibrate -d 'Also try the samplers on known traffic, in a network namespace that goes away'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand doctor" -l json -d 'One JSON object'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -f -a "agent-address" -d 'Why collectors know this host by the address they do'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -f -a "guest" -d 'What a guest is to collectors, where its counters come from, and what is wrong'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -f -a "interface" -d 'How an interface is sampled, at which rate and why, and what was lost'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -f -a "collector" -d 'Whether a collector gets its datagrams, and what keeps them'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -f -a "sample-rate" -d 'One packet in how many is sampled, and which line of the configuration decides it'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and not __fish_seen_subcommand_from agent-address guest interface collector sample-rate setting" -f -a "setting" -d 'What a setting is, where its value came from, and what it means'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from agent-address" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from agent-address" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from guest" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from guest" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from interface" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from interface" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from collector" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from collector" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from sample-rate" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from sample-rate" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from setting" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand explain; and __fish_seen_subcommand_from setting" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand migrate" -l root -d 'Where the host\'s files are' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand migrate" -l apply -d 'Write the drop-ins too, as privileges does'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand migrate" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand once" -s f -l config -d 'Configuration' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand once" -l root -d 'Where the host\'s /proc, /sys and /etc are mounted' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand once" -l json -d 'One JSON object a datagram'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand once" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "confirm" -d 'Keep a policy that was put for a trial'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "events" -d 'What happens, a line each, until interrupted'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "list" -d 'Every policy in a line'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "plan" -d 'What would be done for the policies of a file; nothing is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "put" -d 'Put the policies of a file in force, all or none'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "remove" -d 'Take a policy back that was asked for'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "show" -d 'One policy, what it says and how it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and not __fish_seen_subcommand_from confirm events list plan put remove show status" -f -a "status" -d 'What does not work, and how many policies there are'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from confirm" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from confirm" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from confirm" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from events" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from events" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from events" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from plan" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from plan" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from plan" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from put" -l confirm -d 'Take them back after so many seconds, unless confirmed' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from put" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from put" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from status" -l socket -d 'The service\'s socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from status" -l json -d 'What the service says, as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand policy; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand privileges" -s f -l config -d 'Configuration, instead of the one that the unit has' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand privileges" -l root -d 'Where the host\'s files are' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand privileges" -l apply -d 'Write the drop-ins, where no generator does'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand privileges" -l refresh -d 'Have systemd run the generator, until no file changes meanwhile'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand privileges" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand reload" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand reload" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand status" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand status" -l json -d 'The snapshot as it is'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand status" -l watch -d 'Again every two seconds, until interrupted'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -l listen -d 'Receive the sFlow of many hosts here: ADDRESS:PORT, or a port on every address' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -s n -d 'End after so many times' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -s d -d 'Seconds between refreshes' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -l alerts -d 'Append alerts to this file' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -l limits -d 'What is high [default: /etc/hsflowd/top.toml]' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -l batch -d 'Print lines for a log instead of a screen'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand top" -s h -l help -d 'Print help'
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand web" -l listen -d 'Serve the page here' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand web" -l name -d 'Names by which browsers may ask, beside addresses and localhost' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand web" -l receive -d 'Receive the sFlow of many hosts here: ADDRESS:PORT, or a port on every address' -r
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand web" -l file -d 'Show a capture file (pcap or pcapng) instead of the running agent' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand web" -l limits -d 'What is high [default: /etc/hsflowd/top.toml]' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand web" -l socket -d 'The agent\'s control socket' -r -F
complete -c hsflowctl -n "__fish_hsflowctl_using_subcommand web" -s h -l help -d 'Print help'
