# The text of policy.toml for these tables.
function hsflowd_rs::toml(Hash[String[1], Data] $tables) >> String {
  $parts = $tables.map |$name, $said| {
    case [$name, $said] {
      # tables of their own for each, as people write them
      [Enum['policy', 'group'], Hash[String, Hash]]: {
        $said.map |$one, $inner| { hsflowd_rs::toml_table("[${name}.${hsflowd_rs::toml_text($one)}]", $inner) }.join("\n")
      }
      [String, Hash]: { hsflowd_rs::toml_table("[${name}]", $said) }
      [String, Array[Hash]]: { $said.map |$one| { hsflowd_rs::toml_table("[[${name}]]", $one) }.join("\n") }
      default: { "${hsflowd_rs::toml_text($name)} = ${hsflowd_rs::toml_value($said)}\n" }
    }
  }
  # what stands in no table comes before all that do
  $bare = $parts.filter |$part| { $part !~ /\A\[/ }
  $rest = $parts.filter |$part| { $part =~ /\A\[/ }
  ($bare + $rest).join("\n")
}
