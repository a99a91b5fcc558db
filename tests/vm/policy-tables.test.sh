# Policies in the kernel's tables where containers cannot try it: legacy iptables with its lock, and a firewalld that is
# reloaded. The tests must have been built (cargo test --no-run --test policy). Run by tests/vm/run.
. /src/tests/vm/lib.sh
exec 2>&1
check "the tests are built" test -x /bin-under-test/policy
cp /bin-under-test/policy /tmp/policy # a name of its own: the tests look for the programs beside them
does() { # test, what it prints
  check "$1" /tmp/policy --exact "$1" --nocapture
  cp /tmp/check.out /tmp/does.out
  refute "  with all that it needs" grep -q SKIP /tmp/does.out
  check "  of which one ran" grep -q "1 passed" /tmp/does.out
  [ -z "${2-}" ] || check "  and it says: $(grep -E "$2" /tmp/does.out)" grep -qE "$2" /tmp/does.out
}

# ---- legacy iptables
for tool in iptables ip6tables; do check "$tool is the legacy one" update-alternatives --set $tool /usr/sbin/$tool-legacy; done
does apply::applying_twice_does_nothing_and_clearing_leaves_what_was_there
does apply::a_bad_policy_is_named_and_the_others_are_live
does apply::after_a_crash_at_any_step_the_next_one_finishes_it
does apply::our_jump_is_first_again_until_somebody_insists_on_it
# many minutes where the machine is emulated; containers try it with the nft ones
[ -z "${HSFLOW_LONG:-}" ] || does apply::whatever_follows_whatever_is_there_in_the_end_and_nothing_else
does namespaces::a_namespace_is_one_whatever_its_names_and_our_own_is_no_other
does machine::the_lock_of_legacy_iptables_is_waited_for_and_then_given_up '^legacy: [1-9]'

# ---- firewalld, of both kinds
for tool in iptables ip6tables; do check "$tool is the nft one" update-alternatives --set $tool /usr/sbin/$tool-nft; done
does unprivileged::net_admin_and_net_raw_are_enough
for backend in iptables nftables; do
  sed -i "s/^FirewallBackend=.*/FirewallBackend=$backend/" /etc/firewalld/firewalld.conf
  check "firewalld runs with $backend" systemctl restart firewalld
  HSFLOW_TEST_FIREWALLD=$backend does machine::what_firewalld_takes_away_is_there_again_within_a_second "^firewalld with $backend: "
done
finish
