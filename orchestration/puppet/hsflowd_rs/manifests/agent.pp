# @summary The agent's configuration and service
# @api private
class hsflowd_rs::agent {
  $text = $hsflowd_rs::config ? {
    undef   => $hsflowd_rs::config_text,
    default => "# Written by Puppet; what is changed here is lost. See hsflowd.conf(5).\n${hsflowd_rs::conf($hsflowd_rs::config)}",
  }
  # A unit may follow its configuration: what it is given is derived when systemd reads the units, which may be as soon as the
  # file is written, and a running process has it only after a restart. So what it was given is noted before.
  $check = @(SCRIPT/L)
    /bin/sh -c 'systemctl cat hsflowd > /run/hsflowd-rs.given; exec /usr/bin/hsflowctl check "$1"' sh %
    | SCRIPT
  # hsflowctl reload waits until the new settings are in force, and says why if not
  $reload = @(SCRIPT/L)
    /bin/sh -c 'systemctl daemon-reload; said=$(hsflowctl reload); status=$?; echo "$said"; \
    case $status in 0) ;; 3) systemctl reload hsflowd || exit ;; *) exit $status ;; esac; \
    if [ "$(cat /run/hsflowd-rs.given)" != "$(systemctl cat hsflowd)" ] || echo "$said" | grep -q "a restart is needed"; then \
    systemctl restart hsflowd; fi'
    | SCRIPT

  if $text {
    file { '/etc/hsflowd.conf':
      owner        => 'root',
      group        => 'root',
      mode         => '0644',
      content      => $text,
      validate_cmd => $check.strip,
      notify       => Service['hsflowd'],
      before       => Exec['hsflowd_rs restart the agent'],
    }
  }
  if $hsflowd_rs::daemon_args =~ NotUndef {
    file { '/etc/default/hsflowd':
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => "# Written by Puppet; what is changed here is lost. See hsflowd(8).\nDAEMON_ARGS=\"${hsflowd_rs::daemon_args}\"\n",
      notify  => Exec['hsflowd_rs restart the agent'],
    }
  }

  ['collector-namespace', 'container-sockets', 'containerd', 'cumulus', 'docker', 'gpus', 'packet-drops'].each |$name| {
    hsflowd_rs::drop_in { $name:
      units  => ['hsflowd'],
      notify => Exec['hsflowd_rs restart the agent'],
    }
  }
  # A restart of the data base's server stops switching: what its drop-in does at its next start is done now.
  hsflowd_rs::drop_in { 'open-vswitch':
    units  => ['ovsdb-server'],
    script => 'chgrp hsflowd /run/openvswitch/db.sock && chmod 0770 /run/openvswitch/db.sock',
  }

  exec { 'hsflowd_rs restart the agent':
    command     => "/bin/sh -c 'systemctl daemon-reload && systemctl try-restart hsflowd'",
    path        => '/usr/sbin:/usr/bin:/sbin:/bin',
    refreshonly => true,
  }
  -> service { 'hsflowd':
    ensure  => $hsflowd_rs::service_ensure,
    enable  => $hsflowd_rs::service_enable,
    restart => $reload,
  }
}
