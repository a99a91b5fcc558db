# A value of TOML on one line. JSON's strings are TOML's. What is undef becomes null, which TOML has not: the check refuses it.
function hsflowd_rs::toml_value(Data $value) >> String {
  case $value {
    Hash: {
      $inner = $value.map |$key, $one| { "${hsflowd_rs::toml_text($key)} = ${hsflowd_rs::toml_value($one)}" }
      "{ ${inner.join(', ')} }"
    }
    Array: {
      $inner = $value.map |$one| { hsflowd_rs::toml_value($one) }
      "[${inner.join(', ')}]"
    }
    Undef: { 'null' }
    String: { hsflowd_rs::toml_text($value) }
    default: { String($value) }
  }
}
