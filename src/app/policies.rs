//! From what the configuration says of policies to what drift judges by.

use crate::config;
use crate::drift::policy::{Bounds, Condition, Policy, Whom};

/// A policy as drift knows it; `None` without a condition, which no configuration that was read has.
pub fn policy(written: &config::Policy) -> Option<Policy> {
    Some(Policy {
        name: written.name.clone(),
        severity: written.severity,
        only: whom(&written.only),
        except: whom(&written.except),
        except_objects: written.except_objects.clone(),
        condition: condition(written)?,
    })
}

fn whom(written: &config::Whom) -> Whom {
    let config::Whom { clouds, domains, tenants } = written.clone();
    Whom { clouds, domains, tenants }
}

fn condition(written: &config::Policy) -> Option<Condition> {
    if let Some(config::WorldOpen { ports, protocols, ethertypes }) = written.world_open.clone() {
        return Some(Condition::WorldOpen { ports, protocols, ethertypes });
    }
    if let Some(patience) = written.idle_floating_ips {
        return Some(Condition::IdleFloatingIp(patience.0));
    }
    if let Some(most) = written.most_rules {
        return Some(Condition::MostRules(most));
    }
    if !written.limits.is_empty() {
        let bounds = |it: &config::Bounds| Bounds { at_least: it.at_least, at_most: it.at_most };
        return Some(Condition::Limits(written.limits.iter().map(|(name, it)| (name.clone(), bounds(it))).collect()));
    }
    if !written.unlimited.is_empty() {
        return Some(Condition::Unlimited(written.unlimited.clone()));
    }
    (!written.most.is_empty()).then(|| Condition::Most(written.most.clone()))
}
