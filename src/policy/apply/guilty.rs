//! Whose fault it is that a program refuses a text: by the line that it names.
//!
//! In: the text, and the program's words about it. Out: a policy, where the words name a line and the line a policy.
//! Spec: the messages of iptables-restore 1.8 (`line 7 failed`, `line 7: RULE_APPEND failed`, `Error occurred at
//! line: 7`) and of ipset 7 (`Error in line 7:`).

use crate::policy::model::PolicyName;

/// The policy in the line that is complained about.
pub(super) fn guilty(input: &str, said: &str) -> Option<PolicyName> {
    let numbers = said.split("line").skip(1).filter_map(|rest| {
        let digits = rest.trim_start_matches([':', ' ']);
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        digits.get(..end)?.parse::<usize>().ok()
    });
    let lines = numbers.filter_map(|number| input.lines().nth(number.checked_sub(1)?));
    lines.filter_map(policy).next()
}

/// The comment stands last, but for the target; of a rule it is `hsflowd-policy:NAME:SUM`, of a member the name alone.
fn policy(line: &str) -> Option<PolicyName> {
    let (_, comment) = line.rsplit_once("comment \"")?;
    let comment = comment.split('"').next()?;
    match comment.strip_prefix("hsflowd-policy:") {
        Some(mark) => mark.split(':').next()?.parse().ok(),
        None if line.starts_with("add ") => comment.parse().ok(),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "*filter\n-A hsflowd-input -m comment --comment \"hsflowd-policy:a.b:0f\" -j DROP\n\
                         -A hsflowd-input -m set --match-set x src -m comment --comment \"hsflowd-policy::0f\" -j DROP\nCOMMIT\n";

    #[test]
    fn a_line_that_bears_a_policy_tells_it() {
        for said in
            ["line 2 failed", "v1.8.9 (nf_tables): ; line 2: RULE_APPEND failed", "Error occurred at line: 2"]
        {
            assert_eq!(guilty(RULES, said).unwrap().as_str(), "a.b", "{said}");
        }
        let members = "create x hash:net\nadd x 10.0.0.1 timeout 0 comment \"c\" -exist\n";
        assert_eq!(guilty(members, "ipset v7.17: Error in line 2: full").unwrap().as_str(), "c");
    }

    #[test]
    fn nobody_is_blamed_for_lines_of_nobody() {
        for said in ["line 4 failed", "line 3 failed", "line 0", "line 99", "line", "no word about it"] {
            assert_eq!(guilty(RULES, said), None, "{said}");
        }
    }
}
