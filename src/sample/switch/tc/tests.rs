//! Plans carried out by a model of the kernel, from any state to any wish.

use super::*;
use proptest::prelude::*;

/// What the kernel has of one interface. Filters are by hook: the preference, and ours where it is one.
#[derive(Clone, Debug, PartialEq)]
struct Kernel {
    qdisc: Option<Qdisc>,
    filters: [Vec<(u16, Option<Ours>)>; 2],
    /// The driver can.
    hardware: bool,
    /// Its tables are full.
    full: bool,
    /// The module is there.
    module: bool,
    actions: u32,
    /// Filters that were made: at that moment packets may pass unsampled.
    made: u32,
}

impl Kernel {
    fn bare(qdisc: Option<Qdisc>, hardware: bool) -> Self {
        Self { qdisc, filters: [vec![], vec![]], hardware, full: false, module: true, actions: 0, made: 0 }
    }

    fn side(&mut self, hook: Hook) -> &mut Vec<(u16, Option<Ours>)> {
        &mut self.filters[usize::from(hook == Hook::Egress)]
    }

    fn found(&self, side: usize) -> Vec<Found> {
        let each = |(preference, ours): &(u16, Option<Ours>)| {
            [Found::Head(*preference), ours.map_or(Found::Foreign(*preference), Found::Ours)]
        };
        self.filters[side].iter().flat_map(each).collect()
    }

    fn look(&self, before: &Port) -> Port {
        Port::observed(before, self.qdisc, [0, 1].map(|side| Side::of(&self.found(side))))
    }

    fn take(&mut self, step: &Step) -> Result<Option<Ours>, Refusal> {
        match *step {
            Step::AddQdisc if self.qdisc.is_some() => refuse(errno::EEXIST),
            Step::AddQdisc => {
                self.qdisc = Some(Qdisc::Clsact);
                Ok(None)
            }
            Step::RemoveQdisc => {
                assert_eq!(self.qdisc, Some(Qdisc::Clsact));
                let mut filters = self.filters.iter().flatten();
                assert!(filters.all(|(_, ours)| ours.is_some()), "somebody's filter goes with the qdisc");
                (self.qdisc, self.filters) = (None, [vec![], vec![]]);
                Ok(None)
            }
            Step::Add(_, _, wanted) if wanted.skip_sw && !self.hardware => refuse(95),
            Step::Add(_, _, wanted) if wanted.skip_sw && self.full => refuse(28),
            Step::Add(..) if !self.module => refuse(errno::ENOENT),
            Step::Add(hook, preference, wanted) => {
                assert!(self.qdisc == Some(Qdisc::Clsact) || (self.qdisc.is_some() && hook == Hook::Ingress));
                if self.side(hook).iter().any(|(p, _)| *p == preference) {
                    return refuse(errno::EEXIST);
                }
                self.actions += 1;
                self.made += 1;
                let Wanted { sampling, skip_sw, own_qdisc } = wanted;
                let (in_hw, action) = (self.hardware && !self.full, self.actions);
                let ours = Ours { preference, sampling, skip_sw, in_hw, action, own_qdisc };
                self.side(hook).push((preference, Some(ours)));
                Ok(Some(ours))
            }
            Step::Retune(hook, action, sampling) => {
                let all = self.side(hook).iter_mut().filter_map(|(_, ours)| ours.as_mut());
                let ours = all.filter(|ours| ours.action == action).collect::<Vec<_>>();
                assert_eq!(ours.len(), 1, "an action of somebody else");
                ours.into_iter().for_each(|ours| ours.sampling = sampling);
                Ok(None)
            }
            Step::Remove(hook, preference) => {
                let side = self.side(hook);
                let at = side.iter().position(|(p, ours)| *p == preference && ours.is_some());
                side.remove(at.expect("a filter that is not ours is removed"));
                Ok(None)
            }
        }
    }

    /// Steps until there are none, as the agent takes them.
    fn settle(&mut self, before: &Port, wish: Option<&Wish>) -> Port {
        let mut port = self.look(before);
        for _ in 0..32 {
            let steps = port.plan(wish);
            if steps.is_empty() {
                return port;
            }
            for step in &steps {
                let outcome = self.take(step);
                port.apply(step, outcome);
            }
        }
        panic!("no end: {port:?} {wish:?}")
    }
}

fn refuse<T>(errno: i32) -> Result<T, Refusal> {
    Err(Refusal { errno, words: None })
}

fn sampling(one_in: u32) -> Sampling {
    Sampling { one_in, group: 1, trunc: 128 }
}

fn ingress(one_in: u32) -> Wish {
    Wish { samplings: [Some(sampling(one_in)), None], software: false }
}

#[test]
fn a_bare_port_gets_a_qdisc_and_a_filter_in_hardware_and_is_bare_again() {
    let mut kernel = Kernel::bare(None, true);
    let port = kernel.settle(&Port::default(), Some(&ingress(1000)));
    assert_eq!(port.standing(&ingress(1000)), Standing { by: Some(By::Hardware), obstacle: None });
    let [filters, _] = &kernel.filters;
    assert!(matches!(filters.as_slice(), [(1, Some(ours))] if ours.skip_sw && ours.own_qdisc));
    kernel.settle(&port, None);
    assert_eq!((kernel.qdisc, kernel.filters), (None, [vec![], vec![]]));
}

#[test]
fn where_the_driver_cannot_the_kernel_samples_and_says_why() {
    let mut kernel = Kernel::bare(None, false);
    let port = kernel.settle(&Port::default(), Some(&ingress(1000)));
    let By::Kernel(Some(refusal)) = port.standing(&ingress(1000)).by.unwrap() else { panic!() };
    assert_eq!(refusal.errno, 95);
    assert!(By::Kernel(Some(refusal)).to_string().contains("driver cannot (Operation not supported"));
}

#[test]
fn hardware_that_was_full_gets_the_filter_when_it_is_asked_again_and_the_kernel_samples_until_then() {
    let mut kernel = Kernel { full: true, ..Kernel::bare(None, true) };
    let mut port = kernel.settle(&Port::default(), Some(&ingress(5)));
    assert!(port.awaits_hardware());
    let By::Kernel(Some(refusal)) = port.standing(&ingress(5)).by.unwrap() else { panic!() };
    assert!(By::Kernel(Some(refusal)).to_string().contains("asked again"));
    port.ask_hardware_again();
    port = kernel.settle(&port, Some(&ingress(5)));
    assert_eq!((kernel.made, port.awaits_hardware()), (1, true), "still full");
    kernel.full = false;
    port.ask_hardware_again();
    let mut seen = kernel.look(&port);
    let [add @ Step::Add(_, 2, Wanted { skip_sw: true, .. })] = seen.plan(Some(&ingress(5)))[..] else {
        panic!()
    };
    let outcome = kernel.take(&add);
    seen.apply(&add, outcome);
    assert_eq!(seen.plan(Some(&ingress(5))), [Step::Remove(Hook::Ingress, 1)]);
    let port = kernel.settle(&seen, Some(&ingress(5)));
    assert_eq!(port.standing(&ingress(5)).by, Some(By::Hardware));
    assert_eq!(kernel.filters[0].len(), 1);
}

#[test]
fn hardware_is_asked_once_about_the_kernels_filter_of_a_killed_agent() {
    for (hardware, by) in
        [(true, By::Hardware), (false, By::Kernel(Some(Refusal { errno: 95, words: None })))]
    {
        let mut kernel = Kernel::bare(None, false);
        kernel.settle(&Port::default(), Some(&ingress(5)));
        kernel.hardware = hardware;
        let mut port = kernel.settle(&Port::default(), Some(&ingress(5)));
        assert_eq!(port.standing(&ingress(5)).by, Some(by));
        port.ask_hardware_again();
        assert!(port.plan(Some(&ingress(5))).is_empty(), "a driver that cannot is not asked again");
    }
}

#[test]
fn a_rate_changes_in_place_in_the_kernel_and_anew_in_hardware() {
    for (hardware, made) in [(false, 1), (true, 2)] {
        let mut kernel = Kernel::bare(None, hardware);
        let port = kernel.settle(&Port::default(), Some(&ingress(1000)));
        kernel.settle(&port, Some(&ingress(50)));
        assert_eq!(kernel.made, made);
        assert_eq!(kernel.filters[0][0].1.map(|ours| ours.sampling.one_in), Some(50));
    }
}

#[test]
fn a_qdisc_that_was_there_stays_and_one_that_a_killed_agent_made_goes() {
    let mut users = Kernel::bare(Some(Qdisc::Clsact), false);
    users.settle(&Port::default(), Some(&ingress(5)));
    users.settle(&Port::default(), None);
    assert_eq!(users.qdisc, Some(Qdisc::Clsact));
    let mut killed = Kernel::bare(None, false);
    killed.settle(&Port::default(), Some(&ingress(5)));
    killed.settle(&Port::default(), None);
    assert_eq!(killed.qdisc, None);
}

#[test]
fn our_qdisc_stays_where_a_user_has_put_a_filter_and_is_ours_while_we_know() {
    let mut kernel = Kernel::bare(None, false);
    let port = kernel.settle(&Port::default(), Some(&ingress(5)));
    let mut used = kernel.clone();
    used.filters[1].push((49152, None));
    used.settle(&port, None);
    assert_eq!((used.qdisc, used.filters[1].len()), (Some(Qdisc::Clsact), 1));
    // Our filter was deleted: only memory tells whose the qdisc is.
    kernel.filters[0].clear();
    let mut replaced = (kernel.clone(), port.clone());
    kernel.settle(&port, None);
    assert_eq!(kernel.qdisc, None);
    replaced.1.disown();
    replaced.0.settle(&replaced.1, None);
    assert_eq!(replaced.0.qdisc, Some(Qdisc::Clsact));
}

#[test]
fn an_ingress_qdisc_has_a_place_for_arriving_packets_only() {
    let mut kernel = Kernel::bare(Some(Qdisc::Ingress), false);
    let wish = Wish { samplings: [Some(sampling(5)), Some(sampling(5))], software: false };
    let port = kernel.settle(&Port::default(), Some(&wish));
    let standing = port.standing(&wish);
    assert!(standing.by.is_some());
    assert_eq!(standing.obstacle, Some(Obstacle::IngressQdisc));
    assert!(kernel.filters[1].is_empty());
}

#[test]
fn a_missing_module_is_named_with_what_mends_it() {
    let mut kernel = Kernel { module: false, ..Kernel::bare(None, true) };
    let port = kernel.settle(&Port::default(), Some(&ingress(5)));
    let obstacle = port.standing(&ingress(5)).obstacle.unwrap().to_string();
    assert!(obstacle.contains("modprobe sch_ingress cls_matchall act_sample"), "{obstacle}");
    kernel.settle(&port, None);
    assert_eq!(kernel.qdisc, None, "the qdisc that was made for it");
}

#[test]
fn a_step_without_an_answer_is_looked_into_and_not_taken_twice() {
    let mut kernel = Kernel::bare(Some(Qdisc::Clsact), false);
    let mut port = kernel.look(&Port::default());
    let [add] = port.plan(Some(&ingress(5)))[..] else { panic!() };
    port.apply(&add, refuse(errno::ETIMEDOUT));
    assert!(port.stale && port.plan(Some(&ingress(5))).is_empty());
    let port = kernel.settle(&port, Some(&ingress(5)));
    assert!(!port.stale && port.standing(&ingress(5)).by.is_some());
}

#[test]
fn others_may_have_all_preferences() {
    let mut kernel = Kernel::bare(Some(Qdisc::Clsact), false);
    kernel.filters[0].extend((1..=8).map(|preference| (preference, None)));
    let port = kernel.settle(&Port::default(), Some(&ingress(5)));
    assert_eq!(port.standing(&ingress(5)), Standing { by: None, obstacle: Some(Obstacle::Full) });
}

prop_compose! {
    fn any_ours()(preference in 1_u16..9, one_in in 1_u32..4, skip_sw: bool, in_hw: bool, own_qdisc: bool) -> Ours {
        Ours { preference, sampling: sampling(one_in), skip_sw, in_hw: in_hw || skip_sw, action: 1000 + u32::from(preference), own_qdisc }
    }
}

prop_compose! {
    fn any_side()(
        foreign in prop::collection::btree_set(1_u16..12, 0..4),
        ours in prop::collection::vec(any_ours(), 0..3),
    ) -> Vec<(u16, Option<Ours>)> {
        let mut side: std::collections::BTreeMap<u16, Option<Ours>> = foreign.into_iter().map(|p| (p, None)).collect();
        for one in ours {
            side.entry(one.preference).or_insert(Some(one));
        }
        side.into_iter().collect()
    }
}

prop_compose! {
    fn any_kernel()(kind in 0..3, sides in [any_side(), any_side()], hardware: bool) -> Kernel {
        let [arriving, leaving] = sides;
        let (qdisc, filters) = match kind {
            0 => (None, [vec![], vec![]]),
            1 => (Some(Qdisc::Ingress), [arriving, vec![]]),
            _ => (Some(Qdisc::Clsact), [arriving, leaving]),
        };
        Kernel { filters, ..Kernel::bare(qdisc, hardware) }
    }
}

prop_compose! {
    fn any_wish()(samplings in [prop::option::of(1_u32..4), prop::option::of(1_u32..4)], software: bool, none: bool) -> Option<Wish> {
        (!none).then_some(Wish { samplings: samplings.map(|one_in| one_in.map(sampling)), software })
    }
}

fn foreign(kernel: &Kernel) -> [Vec<u16>; 2] {
    [0, 1]
        .map(|side| kernel.filters[side].iter().filter(|(_, ours)| ours.is_none()).map(|(p, _)| *p).collect())
}

proptest! {
    /// From any state, over any wish, to any other: what is wished is there once, and what is others' stays.
    #[test]
    fn a_plan_leads_to_what_is_wished_and_touches_nothing_else(
        start in any_kernel(),
        wishes in prop::collection::vec(any_wish(), 1..4),
    ) {
        let (mut kernel, mut port) = (start.clone(), Port::default());
        for wish in &wishes {
            port = kernel.settle(&port, wish.as_ref());
            prop_assert_eq!(foreign(&kernel), foreign(&start));
            let samplings = wish.map_or([None; 2], |wish| wish.samplings);
            for (side, sampling) in kernel.filters.iter().zip(samplings) {
                let ours: Vec<_> = side.iter().filter_map(|(_, ours)| *ours).collect();
                let no_place = ours.is_empty()
                    && wish.is_some_and(|wish| port.standing(&wish).obstacle.is_some());
                prop_assert!(ours.len() == usize::from(sampling.is_some()) || no_place);
                prop_assert!(ours.iter().all(|one| Some(one.sampling) == sampling));
            }
            let again = kernel.look(&port);
            prop_assert!(again.plan(wish.as_ref()).is_empty(), "{again:?}");
        }
    }

    /// A start where nothing of ours is there, and an end: as if there had been no agent.
    #[test]
    fn what_was_before_is_afterwards(start in any_kernel(), wish in any_wish(), killed: bool) {
        let mut start = start;
        start.filters.iter_mut().for_each(|side| side.retain(|(_, ours)| ours.is_none()));
        let mut kernel = start.clone();
        let port = kernel.settle(&Port::default(), wish.as_ref());
        let known = if killed { Port::default() } else { port.clone() };
        kernel.settle(&known, None);
        let is_empty = kernel.filters.iter().all(Vec::is_empty);
        // A qdisc without a filter tells nobody who made it.
        let full = wish.is_none_or(|wish| port.standing(&wish).by.is_some());
        prop_assume!(full || !killed || !is_empty);
        prop_assert_eq!((kernel.qdisc, kernel.filters), (start.qdisc, start.filters));
    }
}
