# A signed repository for dnf; `gpgkey` is the URL of the key that signs the packages.
type Hsflowd_rs::Rpm_repository = Struct[{
  baseurl => Pattern[/\A\S+\z/],
  gpgkey  => Pattern[/\A\S+\z/],
}]
