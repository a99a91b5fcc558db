# Who may ask hsflowd-policy over TCP.
type Hsflowd_rs::Token = Struct[{
  name             => Pattern[/\A[A-Za-z0-9._-]+\z/],
  token            => Variant[Sensitive[Pattern[/\A[^: \r\n]{16,}\z/]], Pattern[/\A[^: \r\n]{16,}\z/]],
  Optional[access] => Enum['read', 'write'],
}]
