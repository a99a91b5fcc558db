# @summary Installs, configures and runs the host sFlow agent hsflowd-rs, and hsflowd-policy
#
# A configuration is checked by the installed programs before it is written. A changed one is reloaded; the agent is restarted
# only for what a reload cannot give, such as a new privilege.
#
# @example Two collectors, everything else by default
#   class { 'hsflowd_rs':
#     config => {
#       'polling'   => 20,
#       'collector' => [{ 'ip' => '192.0.2.10' }, { 'ip' => '2001:db8::10', 'udpport' => 6344 }],
#       'pcap'      => { 'physical' => true },
#     },
#   }
#
# @param manage_agent Whether the agent is installed and configured.
# @param manage_policy Whether hsflowd-policy, which drops, limits and shapes packets, is installed and configured.
# @param manage_libvirt Whether the program for `kvm`, which asks libvirt, is installed.
# @param ensure `present`, `latest`, or the version of all packages.
# @param apt_repository A signed apt repository. Without it, what the host's own sources have.
# @param rpm_repository A signed repository for dnf.
# @param package_files Packages by their name, as files on the host; no repository is asked for these.
# @param config The settings of hsflowd.conf, key by key as hsflowd.conf(5) names them. Without this and `config_text` the file is
#   left as it is.
# @param config_text The whole of hsflowd.conf instead.
# @param daemon_args Words for the agent's command line; left as they are where this is undef.
# @param drop_ins Privileges beyond those of the units. Of those that this module placed, the ones that are no longer named go.
# @param drop_in_folder Where the package has these files, on the host.
# @param service_ensure Whether the agent runs.
# @param service_enable Whether the agent starts with the host.
# @param policy_config The tables of policy.toml, as policy.toml(5) names them; checked together with the files in
#   /etc/hsflowd/policy.d on the host. Without this and `policy_config_text` the file is left as it is.
# @param policy_config_text The whole of policy.toml instead.
# @param policy_tokens Who may ask over TCP; written to /etc/hsflowd/policy.tokens, which `rest.tokens` has to name.
# @param policy_service_ensure Whether policies are in force. Stopped, rules stay until their end, unless `service.on_stop` says
#   otherwise.
# @param policy_service_enable Whether policies are in force from boot.
class hsflowd_rs (
  Boolean $manage_agent = true,
  Boolean $manage_policy = false,
  Boolean $manage_libvirt = false,
  Pattern[/\A(present|latest|[0-9][A-Za-z0-9.+~:-]*)\z/] $ensure = 'present',
  Optional[Hsflowd_rs::Apt_repository] $apt_repository = undef,
  Optional[Hsflowd_rs::Rpm_repository] $rpm_repository = undef,
  Hash[Pattern[/\Ahsflowd-rs/], Pattern[/\A\//]] $package_files = {},
  Optional[Hsflowd_rs::Settings] $config = undef,
  Optional[String[1]] $config_text = undef,
  Optional[Pattern[/\A[^"\r\n]*\z/]] $daemon_args = undef,
  Array[Hsflowd_rs::Drop_in_name] $drop_ins = [],
  Pattern[/\A\//] $drop_in_folder = '/usr/share/hsflowd-rs/drop-ins',
  Enum['running', 'stopped'] $service_ensure = 'running',
  Boolean $service_enable = true,
  Optional[Hash[String[1], Data]] $policy_config = undef,
  Optional[String[1]] $policy_config_text = undef,
  Array[Hsflowd_rs::Token] $policy_tokens = [],
  Enum['running', 'stopped'] $policy_service_ensure = 'running',
  Boolean $policy_service_enable = true,
) {
  if $config and $config_text or $policy_config and $policy_config_text {
    fail('hsflowd_rs: a configuration is either settings or a whole text')
  }

  contain hsflowd_rs::packages
  if $manage_agent {
    contain hsflowd_rs::agent
    Class['hsflowd_rs::packages'] -> Class['hsflowd_rs::agent']
  }
  if $manage_policy {
    contain hsflowd_rs::policy
    Class['hsflowd_rs::packages'] -> Class['hsflowd_rs::policy']
  }
}
