//! A check that naga does not make: no barrier in control flow that lanes may disagree on. Browsers
//! reject such shaders, and on GPUs they hang.
//!
//! Conservative: arguments of functions, what a function makes of memory that is written, and everything read from workgroup
//! or writable memory count as different from lane to lane.

use std::collections::{HashMap, HashSet};

use naga::{
    AddressSpace, Binding, Block, BuiltIn, Expression, Function, GlobalVariable, Handle,
    LocalVariable, Module, Statement, StorageAccess,
};

/// The first barrier in control flow that may not be uniform, or `Ok`.
pub(crate) fn check(module: &Module) -> Result<(), String> {
    let mut called = Called::default();
    for (handle, function) in module.functions.iter() {
        let mut walk = Walk::new(module, function, false, &called);
        walk.settle(&function.body)?;
        if walk.has_barrier {
            called.with_barriers.insert(handle);
        }
        if called.follows_from_arguments(module, function) {
            called.of_arguments.insert(handle);
        }
    }
    for entry in &module.entry_points {
        Walk::new(module, &entry.function, true, &called)
            .settle(&entry.function.body)
            .map_err(|e| format!("{}: {e}", entry.name))?;
    }
    Ok(())
}

/// What is known of the functions so far: a function comes behind those that it calls.
#[derive(Default)]
struct Called {
    with_barriers: HashSet<Handle<Function>>,
    /// Those whose result follows from their arguments and memory that nobody writes.
    of_arguments: HashSet<Handle<Function>>,
}

impl Called {
    fn follows_from_arguments(&self, module: &Module, function: &Function) -> bool {
        function
            .expressions
            .iter()
            .all(|(_, expression)| match expression {
                Expression::GlobalVariable(global) => unwritten(module, *global),
                Expression::CallResult(callee) => self.of_arguments.contains(callee),
                _ => true,
            })
    }
}

/// Whether it is memory that no invocation writes.
fn unwritten(module: &Module, global: Handle<GlobalVariable>) -> bool {
    match module.global_variables[global].space {
        AddressSpace::Uniform => true,
        AddressSpace::Storage { access } => !access.contains(StorageAccess::STORE),
        _ => false,
    }
}

struct Walk<'a> {
    module: &'a Module,
    function: &'a Function,
    is_entry: bool,
    called: &'a Called,
    /// Results of calls that all lanes agree on.
    agreed: HashMap<Handle<Expression>, bool>,
    /// Local variables that lanes may disagree on.
    varying: HashSet<Handle<LocalVariable>>,
    has_barrier: bool,
    error: Option<String>,
}

impl<'a> Walk<'a> {
    fn new(module: &'a Module, function: &'a Function, is_entry: bool, called: &'a Called) -> Self {
        Self {
            module,
            function,
            is_entry,
            called,
            agreed: HashMap::new(),
            varying: HashSet::new(),
            has_barrier: false,
            error: None,
        }
    }

    /// Walks until no more variables turn out to vary, then reports.
    fn settle(&mut self, body: &Block) -> Result<(), String> {
        loop {
            let known = self.varying.len();
            self.error = None;
            self.block(body, true);
            if self.varying.len() == known {
                return self.error.take().map_or(Ok(()), Err);
            }
        }
    }

    fn uniform(&self, handle: Handle<Expression>) -> bool {
        let all = |parts: &[Handle<Expression>]| parts.iter().all(|&p| self.uniform(p));
        match &self.function.expressions[handle] {
            Expression::Literal(_)
            | Expression::Constant(_)
            | Expression::Override(_)
            | Expression::ZeroValue(_) => true,
            Expression::Compose { components, .. } => all(components),
            Expression::Access { base, index } => all(&[*base, *index]),
            Expression::AccessIndex { base, .. } => all(&[*base]),
            Expression::Splat { value, .. } => all(&[*value]),
            Expression::Swizzle { vector, .. } => all(&[*vector]),
            Expression::FunctionArgument(index) => {
                let argument = &self.function.arguments[*index as usize];
                self.is_entry
                    && matches!(
                        argument.binding,
                        Some(Binding::BuiltIn(
                            BuiltIn::WorkGroupId | BuiltIn::NumWorkGroups
                        ))
                    )
            }
            Expression::GlobalVariable(global) => unwritten(self.module, *global),
            Expression::CallResult(_) => self.agreed.get(&handle).copied().unwrap_or(false),
            Expression::LocalVariable(local) => !self.varying.contains(local),
            Expression::Load { pointer } => all(&[*pointer]),
            Expression::Unary { expr, .. } | Expression::As { expr, .. } => all(&[*expr]),
            Expression::Binary { left, right, .. } => all(&[*left, *right]),
            Expression::Select {
                condition,
                accept,
                reject,
            } => all(&[*condition, *accept, *reject]),
            Expression::Relational { argument, .. } => all(&[*argument]),
            Expression::Math {
                arg,
                arg1,
                arg2,
                arg3,
                ..
            } => {
                all(&[*arg])
                    && [arg1, arg2, arg3]
                        .into_iter()
                        .flatten()
                        .all(|&a| self.uniform(a))
            }
            Expression::ArrayLength(_) | Expression::WorkGroupUniformLoadResult { .. } => true,
            _ => false,
        }
    }

    /// The variable that a pointer leads into.
    fn target(&self, pointer: Handle<Expression>) -> Option<Handle<LocalVariable>> {
        match self.function.expressions[pointer] {
            Expression::LocalVariable(local) => Some(local),
            Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => {
                self.target(base)
            }
            _ => None,
        }
    }

    fn barrier(&mut self, uniform: bool, what: &str) {
        self.has_barrier = true;
        if !uniform && self.error.is_none() {
            self.error = Some(format!("{what} where lanes may disagree"));
        }
    }

    /// Walks a block that all lanes enter together if `uniform`. Returns whether all lanes leave it together.
    fn block(&mut self, block: &Block, uniform: bool) -> bool {
        let mut together = uniform;
        for statement in block {
            match statement {
                Statement::ControlBarrier(_) | Statement::WorkGroupUniformLoad { .. } => {
                    self.barrier(together, "a barrier")
                }
                Statement::Store { pointer, value }
                    if !together || !self.uniform(*value) || !self.uniform_place(*pointer) =>
                {
                    self.varying.extend(self.target(*pointer));
                }
                Statement::Call {
                    function,
                    arguments,
                    result,
                } => {
                    if self.called.with_barriers.contains(function) {
                        self.barrier(together, "a call of a function with a barrier");
                    }
                    if let Some(result) = result {
                        let same = arguments.iter().all(|&argument| self.uniform(argument));
                        let known = self.called.of_arguments.contains(function);
                        self.agreed.insert(*result, together && same && known);
                    }
                    // The callee may write what it gets a pointer to.
                    for &argument in arguments {
                        self.varying.extend(self.target(argument));
                    }
                }
                Statement::Block(inner) => together = self.block(inner, together),
                Statement::If {
                    condition,
                    accept,
                    reject,
                } => {
                    let inside = together && self.uniform(*condition);
                    let both = self.block(accept, inside) & self.block(reject, inside);
                    // Lanes meet again behind the `if`, unless some have jumped away alone.
                    together = together && (both || !(jumps(accept) || jumps(reject)));
                }
                Statement::Switch { selector, cases } => {
                    let inside = together && self.uniform(*selector);
                    for case in cases {
                        self.block(&case.body, inside);
                    }
                    together = together && (inside || !cases.iter().any(|c| jumps(&c.body)));
                }
                Statement::Loop {
                    body,
                    continuing,
                    break_if,
                } => {
                    // Twice, because the second turn begins as the first one ended.
                    let mut turn = together;
                    for _ in 0..2 {
                        turn = self.block(body, turn);
                        turn = self.block(continuing, turn);
                        turn = turn && break_if.is_none_or(|b| self.uniform(b));
                    }
                    // Lanes meet again behind the loop, unless some have returned.
                    together = together && (turn || !returns(body));
                }
                _ => {}
            }
        }
        together
    }

    /// Whether all lanes address the same element.
    fn uniform_place(&self, pointer: Handle<Expression>) -> bool {
        match self.function.expressions[pointer] {
            Expression::Access { base, index } => self.uniform(index) && self.uniform_place(base),
            Expression::AccessIndex { base, .. } => self.uniform_place(base),
            _ => true,
        }
    }
}

fn any(block: &Block, hit: &dyn Fn(&Statement) -> bool) -> bool {
    block.iter().any(|statement| {
        hit(statement)
            || match statement {
                Statement::Block(inner) => any(inner, hit),
                Statement::If { accept, reject, .. } => any(accept, hit) || any(reject, hit),
                Statement::Switch { cases, .. } => cases.iter().any(|c| any(&c.body, hit)),
                Statement::Loop {
                    body, continuing, ..
                } => any(body, hit) || any(continuing, hit),
                _ => false,
            }
    })
}

fn jumps(block: &Block) -> bool {
    any(block, &|s| {
        matches!(
            s,
            Statement::Break | Statement::Continue | Statement::Return { .. } | Statement::Kill
        )
    })
}

fn returns(block: &Block) -> bool {
    any(block, &|s| {
        matches!(s, Statement::Return { .. } | Statement::Kill)
    })
}

#[cfg(test)]
mod tests {
    use super::check;

    fn verdict(body: &str) -> Result<(), String> {
        let source = format!(
            "@group(0) @binding(0) var<storage, read_write> data: array<f32>;
             @group(0) @binding(1) var<storage, read> limits: array<u32>;
             override N: u32 = 4u;
             var<workgroup> scratch: array<f32, 64>;
             fn sum(lane: u32) -> f32 {{ workgroupBarrier(); return scratch[lane]; }}
             fn half(count: u32) -> u32 {{ if (count > N) {{ return limits[count]; }} return count / 2u; }}
             fn stored(count: u32) -> u32 {{ return half(count) + u32(scratch[count]); }}
             @compute @workgroup_size(64)
             fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {{ {body} }}"
        );
        let module = naga::front::wgsl::parse_str(&source).unwrap();
        check(&module)
    }

    #[test]
    fn uniform_barriers_pass() {
        for body in [
            "workgroupBarrier();",
            "for (var k = 0u; k < N; k++) { workgroupBarrier(); scratch[lane] = f32(k); }",
            "for (var h = 32u; h > 0u; h /= 2u) { workgroupBarrier(); if (lane < h) { scratch[lane] += scratch[lane + h]; } }",
            "if (group.x >= N) { return; } workgroupBarrier();",
            "if (limits[group.x] > 3u) { workgroupBarrier(); }",
            "for (var k = lane; k < N; k += 64u) { scratch[k] = 1.0; } workgroupBarrier();",
            "data[lane] = sum(lane);",
            "for (var k = half(group.x); k < half(N); k++) { workgroupBarrier(); }",
        ] {
            assert_eq!(verdict(body), Ok(()), "{body}");
        }
    }

    #[test]
    fn barriers_that_lanes_may_disagree_on_are_found() {
        for body in [
            "if (lane < 3u) { workgroupBarrier(); }",
            "if (lane < 3u) { return; } workgroupBarrier();",
            "for (var k = lane; k < N; k++) { workgroupBarrier(); }",
            "for (var k = 0u; k < N; k++) { if (lane == k) { break; } workgroupBarrier(); }",
            "var n = 2u; if (lane < 3u) { n = 5u; } for (var k = 0u; k < n; k++) { workgroupBarrier(); }",
            "if (data[0] > 0.0) { workgroupBarrier(); }",
            "if (lane < 3u) { data[lane] = sum(lane); }",
            "if (half(lane) < 3u) { workgroupBarrier(); }",
            "if (stored(group.x) < 3u) { workgroupBarrier(); }",
            "var n = 0u; if (lane < 3u) { n = half(group.x); } if (n < 2u) { workgroupBarrier(); }",
            "var n: array<u32, 2>; n[lane % 2u] = 1u; if (n[0] == 1u) { workgroupBarrier(); }",
        ] {
            assert!(verdict(body).is_err(), "{body}");
        }
    }
}
