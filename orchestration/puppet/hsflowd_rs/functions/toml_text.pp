# Text between quotes. Control characters other than these stay as they are, which the check refuses.
function hsflowd_rs::toml_text(String $text) >> String {
  $plain = [['[\\\\"]', '\\\\\0'], ['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t']].reduce($text) |$so_far, $pair| {
    regsubst($so_far, $pair[0], $pair[1], 'G')
  }
  "\"${plain}\""
}
