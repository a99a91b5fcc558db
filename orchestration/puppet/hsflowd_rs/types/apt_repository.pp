# A signed repository for Debian and its kin. `key` is the armoured public key, which is trusted for this one alone; a suite
# that ends with / is that of a flat repository, which has no components.
type Hsflowd_rs::Apt_repository = Struct[{
  uri                  => String[1],
  Optional[suite]      => String[1],
  Optional[components] => Array[String[1], 1],
  key                  => Pattern[/\A\s*-----BEGIN PGP PUBLIC KEY BLOCK-----/],
}]
