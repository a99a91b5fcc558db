# Settings of hsflowd.conf, key by key; {} is an object that is only switched on, what is repeated is an array.
type Hsflowd_rs::Settings = Hash[Pattern[/\A[A-Za-z][A-Za-z0-9._-]*\z/], Hsflowd_rs::Value]
