complete -c hsflowd-policy -s c -d 'folder of policy.toml and policy.d (default /etc/hsflowd)' -r -f -a "(__fish_complete_directories)"
complete -c hsflowd-policy -l state -d 'what outlives the program (default /var/lib/hsflowd-policy/state.toml)' -r -F
complete -c hsflowd-policy -l check -d 'say what is wrong in the files, and end'
complete -c hsflowd-policy -l dry-run -d 'say what would be done, and end'
complete -c hsflowd-policy -l expire -d 'take out what is over, without the service, and end'
complete -c hsflowd-policy -l clear -d 'take away everything that is ours, and end; not while the service runs'
complete -c hsflowd-policy -l privileges -d 'print what the units have to be given for the files, and end'
complete -c hsflowd-policy -s d -d 'say more'
complete -c hsflowd-policy -s V -l version -d 'print the version'
complete -c hsflowd-policy -s h -l help -d 'print this'
