# @summary The configuration and service of hsflowd-policy
# @api private
class hsflowd_rs::policy {
  $text = $hsflowd_rs::policy_config ? {
    undef   => $hsflowd_rs::policy_config_text,
    default => "# Written by Puppet; what is changed here is lost. See policy.toml(5).\n${hsflowd_rs::toml($hsflowd_rs::policy_config)}",
  }
  # It checks a folder: the new policy.toml, with what is in policy.d.
  $check = @(SCRIPT/L)
    /bin/sh -c 'set -e; systemctl cat hsflowd-policy > /run/hsflowd-rs-policy.given; folder=$(mktemp -d); \
    trap "rm -r $folder" EXIT; cat "$1" > $folder/policy.toml; \
    [ ! -d /etc/hsflowd/policy.d ] || ln -s /etc/hsflowd/policy.d $folder/; /usr/sbin/hsflowd-policy -c $folder --check' sh %
    | SCRIPT

  # As with the agent: what the unit was given before is compared with what it is given now.
  $reload = @(SCRIPT/L)
    /bin/sh -c 'systemctl daemon-reload; given=/run/hsflowd-rs-policy.given; \
    if [ ! -e $given ] || [ "$(cat $given)" = "$(systemctl cat hsflowd-policy)" ]; then \
    systemctl reload hsflowd-policy; else systemctl restart hsflowd-policy; fi'
    | SCRIPT

  unless $hsflowd_rs::policy_tokens.empty {
    $lines = $hsflowd_rs::policy_tokens.map |$one| {
      $token = $one['token'] ? { Sensitive => $one['token'].unwrap, default => $one['token'] }
      $read = $one['access'] ? { 'read' => ':read', default => '' }
      "${one['name']}:${token}${read}\n"
    }
    file { '/etc/hsflowd/policy.tokens':
      owner     => 'hsflowd-policy',
      group     => 'hsflowd-policy',
      mode      => '0600',
      content   => Sensitive("# Written by Puppet; what is changed here is lost.\n${lines.join('')}"),
      show_diff => false,
      notify    => Service['hsflowd-policy'],
      before    => Exec['hsflowd_rs restart policies'],
    }
  }
  if $text {
    file { '/etc/hsflowd/policy.toml':
      owner        => 'root',
      group        => 'root',
      mode         => '0644',
      content      => $text,
      validate_cmd => $check.strip,
      notify       => Service['hsflowd-policy'],
      before       => Exec['hsflowd_rs restart policies'],
    }
  }

  hsflowd_rs::drop_in { ['policy-cumulus', 'policy-namespaces']:
    units  => ['hsflowd-policy', 'hsflowd-policy-expire'],
    notify => Exec['hsflowd_rs restart policies'],
  }
  hsflowd_rs::drop_in { 'policy-legacy-iptables':
    units  => ['hsflowd-policy'],
    notify => Exec['hsflowd_rs restart policies'],
  }
  hsflowd_rs::drop_in { 'policy-open-vswitch':
    units  => ['ovs-vswitchd'],
    script => 'chgrp hsflowd-policy /run/openvswitch/*.mgmt && chmod 0770 /run/openvswitch/*.mgmt',
  }

  exec { 'hsflowd_rs restart policies':
    command     => "/bin/sh -c 'systemctl daemon-reload && systemctl try-restart hsflowd-policy'",
    path        => '/usr/sbin:/usr/bin:/sbin:/bin',
    refreshonly => true,
  }
  -> service { 'hsflowd-policy':
    ensure  => $hsflowd_rs::policy_service_ensure,
    enable  => $hsflowd_rs::policy_service_enable,
    restart => $reload,
  }
}
