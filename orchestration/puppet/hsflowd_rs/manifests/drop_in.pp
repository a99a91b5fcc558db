# @summary A drop-in of the package for units, there or not there
# @api private
#
# @param units The units that it is for.
# @param script What it does at the unit's next start, to be done now.
define hsflowd_rs::drop_in (
  Array[String[1]] $units,
  Optional[String[1]] $script = undef,
) {
  $is_wanted = $title in $hsflowd_rs::drop_ins
  $ensure = $is_wanted ? { true => link, default => absent }
  $target = "${hsflowd_rs::drop_in_folder}/${title}.conf"
  if $is_wanted {
    exec { "hsflowd_rs look for ${title}":
      command => "/bin/sh -c 'echo the package has no ${target}; exit 1'",
      path    => '/usr/bin:/bin',
      unless  => "test -e ${target}",
    }
  }
  $units.each |$unit| {
    $folder = "/etc/systemd/system/${unit}.service.d"
    if $is_wanted and !defined(File[$folder]) {
      file { $folder:
        ensure => directory,
        owner  => 'root',
        group  => 'root',
        mode   => '0755',
      }
    }
    # A link, so that it is that of the package also after an upgrade. The name tells who placed it: others' are never removed.
    file { "${folder}/hsflowd-rs-${title}.conf":
      ensure => $ensure,
      target => $target,
    }
    if $is_wanted {
      Exec["hsflowd_rs look for ${title}"] -> File["${folder}/hsflowd-rs-${title}.conf"]
    }
  }
  if $script and $is_wanted {
    exec { "hsflowd_rs apply ${title}":
      command     => "/bin/sh -c 'systemctl daemon-reload; ${script}'",
      path        => '/usr/sbin:/usr/bin:/sbin:/bin',
      onlyif      => 'test -d /run/openvswitch',
      subscribe   => File["/etc/systemd/system/${units[0]}.service.d/hsflowd-rs-${title}.conf"],
      refreshonly => true,
    }
  }
}
