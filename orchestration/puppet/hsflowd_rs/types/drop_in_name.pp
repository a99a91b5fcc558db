# The drop-ins of the packages: each says what it grants, and why.
type Hsflowd_rs::Drop_in_name = Enum[
  'collector-namespace',
  'container-sockets',
  'containerd',
  'cumulus',
  'docker',
  'gpus',
  'open-vswitch',
  'packet-drops',
  'policy-cumulus',
  'policy-legacy-iptables',
  'policy-namespaces',
  'policy-open-vswitch',
]
