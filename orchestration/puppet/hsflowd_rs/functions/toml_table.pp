# A table of TOML with its head.
function hsflowd_rs::toml_table(String $head, Hash[String, Data] $settings) >> String {
  $lines = $settings.map |$key, $value| { "${hsflowd_rs::toml_text($key)} = ${hsflowd_rs::toml_value($value)}\n" }
  "${head}\n${lines.join('')}"
}
