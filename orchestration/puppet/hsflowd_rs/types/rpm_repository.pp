# A signed repository for dnf; `gpgkey` is the URL of the key that signs the packages.
type Hsflowd_rs::Rpm_repository = Struct[{
  baseurl => String[1],
  gpgkey  => String[1],
}]
