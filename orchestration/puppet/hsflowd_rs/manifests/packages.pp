# @summary The packages, and where they come from
# @api private
class hsflowd_rs::packages {
  $wanted = {
    'hsflowd-rs'         => $hsflowd_rs::manage_agent,
    'hsflowd-rs-libvirt' => $hsflowd_rs::manage_libvirt,
    'hsflowd-rs-policy'  => $hsflowd_rs::manage_policy,
  }
  $packages = $wanted.filter |$name, $is_wanted| { $is_wanted }.keys
  $kind = $facts['os']['family'] ? { 'Debian' => 'dpkg', default => 'rpm' }

  if $hsflowd_rs::apt_repository {
    $sources = '/etc/apt/sources.list.d/hsflowd-rs.sources'
    unless defined(File['/etc/apt/keyrings']) {
      file { '/etc/apt/keyrings':
        ensure => directory,
        owner  => 'root',
        group  => 'root',
        mode   => '0755',
      }
    }
    file { '/etc/apt/keyrings/hsflowd-rs.asc':
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => "${hsflowd_rs::apt_repository['key'].strip}\n",
    }
    -> file { $sources:
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => epp('hsflowd_rs/hsflowd-rs.sources.epp', $hsflowd_rs::apt_repository),
    }
    # What a wrong key or address left behind would spoil every other use of apt on this host.
    ~> exec { 'hsflowd_rs read the repository':
      command => "/bin/sh -c 'apt-get -qq update || { rm ${sources}; exit 1; }'",
      path    => '/usr/sbin:/usr/bin:/sbin:/bin',
      unless  => "test ! -e ${sources} || apt-cache show ${packages.join(' ')}",
      before  => Package[$packages],
    }
  }
  if $hsflowd_rs::rpm_repository {
    # Puppet's own type for it is a module of its own since Puppet 6.
    file { '/etc/yum.repos.d/hsflowd-rs.repo':
      owner   => 'root',
      group   => 'root',
      mode    => '0644',
      content => epp('hsflowd_rs/hsflowd-rs.repo.epp', $hsflowd_rs::rpm_repository),
      before  => Package[$packages],
    }
  }

  $packages.each |$name| {
    $file = $hsflowd_rs::package_files[$name]
    if $file {
      package { $name:
        ensure   => installed,
        provider => $kind,
        source   => $file,
      }
    } else {
      package { $name:
        ensure => $hsflowd_rs::ensure,
      }
    }
  }
  # libvirt's and policies' packages want the agent's
  if $hsflowd_rs::manage_agent {
    Package['hsflowd-rs'] -> Package[$packages - ['hsflowd-rs']]
  }
}
