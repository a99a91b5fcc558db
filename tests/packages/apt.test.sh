#!/bin/bash
# apt: installs from the signed repository, whose key it is told of by signed-by; refuses it without the key and when somebody
# has changed it; upgrades. Run by tests/packages.sh.
. "$PWD/tests/packages/lib.sh"
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
mkdir -p /etc/apt/keyrings /srv; cp -R "$work/repository" /srv/repository
sources=/etc/apt/sources.list.d/hsflowd-rs.sources
sed 's,^URIs:.*,URIs: http://127.0.0.1:8080/,' /srv/repository/hsflowd-rs.sources > $sources
ip link set lo up
python3 -m http.server --bind 127.0.0.1 --directory /srv/repository 8080 >/dev/null 2>&1 &
server=$!
within 20 "a web server has it" python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:8080/dists/stable/InRelease")'
update() { apt-get -o Acquire::Retries=0 --error-on=any update; }
refute "without the key apt refuses it" update
cp /srv/repository/hsflowd-rs.asc /etc/apt/keyrings/
check "with it apt takes it" update
check "an older version" apt-get install -y hsflowd-rs=0.0.1 hsflowd-rs-policy=0.0.1
echo "$mine" > $conf
check "upgrade" apt-get upgrade -y
equal "to the newest" "$(dpkg-query -W -f '${Version} ' hsflowd-rs hsflowd-rs-policy | xargs)" "$(dpkg-deb -f "$(deb hsflowd-rs)" Version) $(dpkg-deb -f "$(deb hsflowd-rs)" Version)"
equal "the configuration is the user's" "$(cat $conf)" "$mine"
check "downgrade" apt-get install -y --allow-downgrades hsflowd-rs=0.0.1
equal "the configuration is the user's" "$(cat $conf)" "$mine"
check "purge" apt-get purge -y hsflowd-rs hsflowd-rs-policy
check "who asks for hsflowd gets it" apt-get install -y --no-install-recommends hsflowd
check "it is ours" hsflowctl --version
packages=$(ls /srv/repository/dists/stable/main/binary-*/Packages)
sed -i 's/^Description: host sFlow agent/Description: forged/' "$packages"; rm -f "$packages.xz"
rm -rf /var/lib/apt/lists/*
refute "a list that somebody has changed is refused" update
sed -i 's/^Suite: stable/Suite: forged/' /srv/repository/dists/stable/InRelease
refute "and a signed file" update
kill $server
finish
