complete -c hsflowd -s f -d 'configuration (default /etc/hsflowd.conf)' -r -F
complete -c hsflowd -s o -d 'settings file for sub-agents (default /run/hsflowd/hsflowd.auto)' -r -F
complete -c hsflowd -s p -d 'process id file when run as a daemon (default /var/run/hsflowd.pid)' -r -F
complete -c hsflowd -s u -d 'host UUID' -r -f
complete -c hsflowd -s m -d 'machine id to derive the UUID from where there is no better source' -r -f
complete -c hsflowd -s D -d 'log to this file; SIGHUP reopens it' -r -F
complete -c hsflowd -s L -d 'most bytes in that file (default 10000000)' -r -f
complete -c hsflowd -s M -d 'end when more memory than this is resident' -r -f
complete -c hsflowd -l socket -d 'control socket that hsflowctl asks (default /run/hsflowd/control.sock)' -r -F
complete -c hsflowd -l root -d 'where the host\'s /proc, /sys, /etc and /var are mounted (in a container)' -r -f -a "(__fish_complete_directories)"
complete -c hsflowd -s d -d 'stay in the foreground and log to stderr; each further d says more'
complete -c hsflowd -s P -d 'never drop privileges'
complete -c hsflowd -s v -d 'print the version'
