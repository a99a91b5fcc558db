# The text of hsflowd.conf for these settings, or of the object or setting `key` in it.
# What is undef becomes an object with nothing in it, which the check refuses where a setting was meant.
function hsflowd_rs::conf(Hsflowd_rs::Value $value, String $key = 'sflow', String $indent = '') >> String {
  case $value {
    Hash: {
      $inner = $value.map |$name, $one| { hsflowd_rs::conf($one, $name, "${indent}  ") }
      "${indent}${key} {\n${inner.join('')}${indent}}\n"
    }
    Array: { $value.map |$one| { hsflowd_rs::conf($one, $key, $indent) }.join('') }
    Undef: { "${indent}${key} { }\n" }
    true: { "${indent}${key} = on\n" }
    false: { "${indent}${key} = off\n" }
    String: { "${indent}${key} = \"${value}\"\n" }
    default: { "${indent}${key} = ${value}\n" }
  }
}
