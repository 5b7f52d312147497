//! What a kernel's WGSL says of its override constants and bindings.

use std::collections::HashMap;

use wgpu::naga::{
    AddressSpace, ArraySize, BinaryOperator, Expression, Handle, Literal, Module, Override,
    ScalarKind, StorageAccess, Type, TypeInner, proc::Layouter,
};

use super::Dtype;

/// Elements that one tensor of a step may have: what a binding holds within WebGPU's default limits. The kernels
/// compute with 32-bit indices, which cannot wrap below it.
pub(super) const MOST_ELEMENTS: u64 = 1 << 25;

/// Override constants and bindings of a kernel.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Those that a step gives a value.
    pub constants: Vec<Constant>,
    /// Those that follow from others, `override ROW: u32 = RUN * STRIDE_W;`, each behind what it follows from.
    pub derived: Vec<(Constant, Formula)>,
    /// Arrays of workgroup memory: bytes of an element, and elements.
    pub workgroup: Vec<(u64, Formula)>,
    /// In order of their numbers, which have no gaps.
    pub bindings: Vec<Binding>,
    /// Constants of the module whose names begin with `MAX_`: lengths of arrays.
    pub arrays: Vec<(String, u32)>,
}

/// An override constant.
#[derive(Debug)]
pub(super) struct Constant {
    pub name: String,
    pub kind: ConstantKind,
}

impl Constant {
    /// Whether it may have this value, beside these of the others.
    pub(super) fn allows(&self, value: f64, values: &HashMap<&str, f64>) -> bool {
        match &self.kind {
            ConstantKind::Float => value.abs() <= f64::from(f32::MAX),
            ConstantKind::Bool => value == 0.0 || value == 1.0,
            ConstantKind::Whole { least, most } => {
                let most = match most {
                    Most::Value(most) => *most as f64,
                    Most::Constant(other) => values.get(other.as_str()).copied().unwrap_or(0.0),
                };
                value.fract() == 0.0 && value >= *least as f64 && value <= most
            }
        }
    }
}

/// The type of an override constant, and what it may be.
#[derive(Debug)]
pub(super) enum ConstantKind {
    /// A whole number from `least` on. Its declaration may have a range in a comment: `// 1 to 16`, `// 0 or more`,
    /// `// 1 to GROUPS`. Without one it is a size: 1 to [`MOST_ELEMENTS`].
    Whole { least: u64, most: Most },
    /// A finite number.
    Float,
    /// 0 or 1.
    Bool,
}

/// The greatest value of a whole number.
#[derive(Debug)]
pub(super) enum Most {
    Value(u64),
    /// That of another constant.
    Constant(String),
}

/// A whole number that follows from override constants.
#[derive(Debug)]
pub(super) enum Formula {
    Number(u64),
    Constant(String),
    Operation(BinaryOperator, Box<[Self; 2]>),
}

impl Formula {
    /// An expression of the module's; of other operations than a plan's sizes need it knows nothing.
    fn read(module: &Module, expression: Handle<Expression>) -> Option<Self> {
        match module.global_expressions[expression] {
            Expression::Literal(Literal::U32(number)) => Some(Self::Number(number.into())),
            Expression::Constant(constant) => Self::read(module, module.constants[constant].init),
            Expression::Override(constant) => Self::constant(module, constant),
            Expression::Binary { op, left, right } => {
                let sides = [Self::read(module, left)?, Self::read(module, right)?];
                Some(Self::Operation(op, Box::new(sides)))
            }
            _ => None,
        }
    }

    fn constant(module: &Module, constant: Handle<Override>) -> Option<Self> {
        module.overrides[constant].name.clone().map(Self::Constant)
    }

    /// Its value for these of the constants, none where 32 bits do not hold a part of it.
    pub(super) fn value(&self, values: &HashMap<&str, f64>) -> Option<u64> {
        let value = match self {
            Self::Number(number) => Some(*number),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "what is negative or too large becomes the least or the largest"
            )]
            Self::Constant(name) => values.get(name.as_str()).map(|value| *value as u64),
            Self::Operation(operator, sides) => {
                let [left, right] = [sides[0].value(values)?, sides[1].value(values)?];
                match operator {
                    BinaryOperator::Add => left.checked_add(right),
                    BinaryOperator::Subtract => left.checked_sub(right),
                    BinaryOperator::Multiply => left.checked_mul(right),
                    BinaryOperator::Divide => left.checked_div(right),
                    _ => None,
                }
            }
        };
        value.filter(|value| *value <= u64::from(u32::MAX))
    }
}

/// A storage buffer.
#[derive(Debug)]
pub(super) struct Binding {
    pub writes: bool,
    /// What its words are: floats, or whole numbers and structs.
    pub dtype: Dtype,
    /// Bytes of a single element of its array, or of its struct.
    pub least_bytes: u64,
    /// Dimensions, each a product of factors, from the comment behind its declaration; what is not a number or an override
    /// constant there is taken for 1.
    pub shape: Vec<Vec<String>>,
}

impl Facts {
    /// Reads a kernel's whole WGSL. Of a text that does not parse it knows nothing, so that no step can use it; the tests
    /// parse every kernel.
    pub(super) fn read(wgsl: &str) -> Self {
        let mut layouter = Layouter::default();
        let Ok(module) = wgpu::naga::front::wgsl::parse_str(wgsl) else {
            return Self::default();
        };
        if layouter.update(module.to_ctx()).is_err() {
            return Self::default();
        }
        let mut facts = Self::default();
        for (_, constant) in module.overrides.iter() {
            let known = {
                let name = constant.name.clone().unwrap_or_default();
                let kind = match module.types[constant.ty].inner {
                    TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Float => {
                        ConstantKind::Float
                    }
                    TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Bool => {
                        ConstantKind::Bool
                    }
                    _ => range(&module, comment(wgsl, &format!("override {name}:"))),
                };
                Constant { name, kind }
            };
            match constant.init.map(|init| Formula::read(&module, init)) {
                None => facts.constants.push(known),
                Some(Some(formula)) => facts.derived.push((known, formula)),
                Some(None) => return Self::default(),
            }
        }
        for (_, variable) in module.global_variables.iter() {
            if variable.space != AddressSpace::WorkGroup {
                continue;
            }
            let (bytes, length) = match module.types[variable.ty].inner {
                TypeInner::Array { size, stride, .. } => match size {
                    ArraySize::Constant(size) => (stride, Some(Formula::Number(size.get().into()))),
                    ArraySize::Pending(constant) => (stride, Formula::constant(&module, constant)),
                    ArraySize::Dynamic => (stride, None),
                },
                _ => (layouter[variable.ty].size, Some(Formula::Number(1))),
            };
            match length {
                Some(length) => facts.workgroup.push((bytes.into(), length)),
                None => return Self::default(),
            }
        }
        let mut bindings: Vec<(u32, Binding)> = module
            .global_variables
            .iter()
            .filter_map(|(_, variable)| {
                let AddressSpace::Storage { access } = variable.space else {
                    return None;
                };
                let number = variable.binding?.binding;
                let binding = Binding {
                    writes: access.contains(StorageAccess::STORE),
                    dtype: dtype(&module, variable.ty),
                    least_bytes: layouter[variable.ty].size.into(),
                    shape: shape(comment(wgsl, &format!("@group(0) @binding({number})"))),
                };
                Some((number, binding))
            })
            .collect();
        bindings.sort_by_key(|(number, _)| *number);
        let names = module.constants.iter().filter_map(|(_, c)| c.name.clone());
        let arrays = names.filter(|name| name.starts_with("MAX_"));
        let arrays = arrays.filter_map(|name| Some((name.clone(), literal(&module, &name)?)));
        facts.arrays = arrays.collect();
        facts.bindings = bindings.into_iter().map(|(_, binding)| binding).collect();
        facts
    }

    /// All of its constants.
    pub(super) fn all_constants(&self) -> impl Iterator<Item = &Constant> {
        let derived = self.derived.iter().map(|(constant, _)| constant);
        self.constants.iter().chain(derived)
    }

    /// The values of all constants, from those given; none if one that follows from others does not fit 32 bits.
    pub(super) fn values<'a>(
        &'a self,
        given: impl IntoIterator<Item = (&'a str, f64)>,
    ) -> Option<HashMap<&'a str, f64>> {
        let mut values: HashMap<&str, f64> = given.into_iter().collect();
        for (constant, formula) in &self.derived {
            let value = formula.value(&values)?;
            values.insert(&constant.name, value as f64);
        }
        Some(values)
    }

    /// Bytes of its workgroup memory, none where they cannot be counted.
    pub(super) fn workgroup_bytes(&self, values: &HashMap<&str, f64>) -> Option<u64> {
        let mut arrays = self.workgroup.iter();
        arrays.try_fold(0_u64, |sum, (bytes, length)| {
            sum.checked_add(length.value(values)?.checked_mul(*bytes)?)
        })
    }

    /// The greatest value of a whole number, where that is a number too.
    pub(super) fn most(&self, constant: &str) -> Option<u64> {
        let mut constants = self.constants.iter();
        match constants.find(|c| c.name == constant)?.kind {
            ConstantKind::Whole {
                most: Most::Value(most),
                ..
            } => Some(most),
            _ => None,
        }
    }
}

/// What the words of a variable of this type are: floats where all are.
fn dtype(module: &Module, variable: Handle<Type>) -> Dtype {
    match &module.types[variable].inner {
        TypeInner::Array { base, .. } => dtype(module, *base),
        TypeInner::Struct { members, .. }
            if members.iter().any(|m| dtype(module, m.ty) == Dtype::U32) =>
        {
            Dtype::U32
        }
        inner => match inner.scalar_kind() {
            Some(ScalarKind::Sint | ScalarKind::Uint) => Dtype::U32,
            _ => Dtype::F32,
        },
    }
}

/// The comment behind the line that begins so; empty if there is none.
fn comment<'a>(wgsl: &'a str, beginning: &str) -> &'a str {
    wgsl.lines()
        .find(|line| line.starts_with(beginning))
        .and_then(|line| line.split_once("//"))
        .map_or("", |(_, comment)| comment.trim())
}

/// The range in front of a comment.
fn range(module: &Module, comment: &str) -> ConstantKind {
    let number = |word: &str| word.parse().ok();
    let mut words = comment.split([' ', ',', ':', ';']);
    let mut next = || words.next().unwrap_or_default();
    let (least, joint, most) = (number(next()), next(), next());
    let (least, most) = match (least, joint) {
        (Some(least), "to") => {
            let known = number(most).or_else(|| literal(module, most).map(u64::from));
            (
                least,
                known.map_or_else(|| Most::Constant(most.to_string()), Most::Value),
            )
        }
        (Some(least), "or") if most == "more" => (least, Most::Value(MOST_ELEMENTS)),
        _ => (1, Most::Value(MOST_ELEMENTS)),
    };
    ConstantKind::Whole { least, most }
}

/// The value of a `const` of the module.
fn literal(module: &Module, name: &str) -> Option<u32> {
    let mut constants = module.constants.iter();
    let (_, constant) = constants.find(|(_, c)| c.name.as_deref() == Some(name))?;
    match module.global_expressions[constant.init] {
        Expression::Literal(Literal::U32(value)) => Some(value),
        _ => None,
    }
}

/// The shape in brackets in front of a comment.
fn shape(comment: &str) -> Vec<Vec<String>> {
    let brackets = comment
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'));
    let Some((inside, _)) = brackets else {
        return Vec::new();
    };
    inside
        .split(',')
        .map(|dimension| {
            let first = dimension.split_whitespace().next().unwrap_or_default();
            first.split('*').map(str::to_string).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::KERNELS;

    #[test]
    fn comments_of_every_kernel_name_what_it_has() {
        for kernel in KERNELS {
            let name = kernel.name;
            let facts = kernel.facts();
            let has = |word: &str| facts.constants.iter().any(|c| c.name == word);
            assert!(!facts.constants.is_empty() && !facts.bindings.is_empty());
            assert!(facts.bindings.iter().any(|b| b.writes), "{name}");
            for constant in &facts.constants {
                if let ConstantKind::Whole {
                    most: Most::Constant(other),
                    ..
                } = &constant.kind
                {
                    assert!(has(other), "{name}: {} to {other}", constant.name);
                }
            }
            for binding in &facts.bindings {
                let known = binding.shape.iter().flatten().any(|factor| has(factor));
                let quotient = binding.shape.iter().flatten().any(|f| f.contains('/'));
                assert!(
                    known || quotient || binding.shape.is_empty(),
                    "{name}: {:?}",
                    binding.shape
                );
                assert!(
                    known || !binding.writes || binding.least_bytes > 16,
                    "{name} writes an array without a shape"
                );
            }
        }
    }

    #[test]
    fn a_range_is_read_from_a_comment() {
        let wgsl = "
const MOST = 16u;
override A: u32; // 1 to MOST: any text
override B: u32; // 0 or more, any text
override C: u32; // 4 or 1
override D: u32; // 2 to A
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;  // [A*B and more, 3, other]: text
@compute @workgroup_size(1)
fn main() {
  y[0] = vec4<f32>(f32(A + B + C + D));
}
";
        let facts = Facts::read(wgsl);
        let range = |name: &str| match &facts
            .constants
            .iter()
            .find(|c| c.name == name)
            .unwrap()
            .kind
        {
            ConstantKind::Whole { least, most } => format!("{least} {most:?}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(range("A"), "1 Value(16)");
        assert_eq!(range("B"), format!("0 Value({MOST_ELEMENTS})"));
        assert_eq!(range("C"), format!("1 Value({MOST_ELEMENTS})"));
        assert_eq!(range("D"), "2 Constant(\"A\")");
        let [binding] = &facts.bindings[..] else {
            panic!("one binding")
        };
        assert!(binding.writes && binding.least_bytes == 16);
        assert_eq!(binding.shape, [vec!["A", "B"], vec!["3"], vec!["other"]]);
    }

    #[test]
    fn what_follows_from_constants_is_computed_and_its_memory_counted() {
        let wgsl = "
const FOUR = 4u;
override B: u32 = A * FOUR + 1u; // 1 to 21
override A: u32;
override C: u32 = (B - A) / D;
override D: u32; // 0 or more
var<workgroup> tile: array<vec4<f32>, B>;
var<workgroup> few: array<f32, FOUR>;
var<workgroup> one: u32;
@group(0) @binding(0) var<storage, read_write> y: array<f32>; // [A]
@compute @workgroup_size(C)
fn main() {
  y[0] = tile[0].x + few[0] + f32(one);
}
";
        let facts = Facts::read(wgsl);
        let given = |a, d| [("A", a), ("D", d)];
        let values = facts.values(given(3.0, 2.0)).unwrap();
        assert_eq!((values["B"], values["C"]), (13.0, 5.0));
        assert_eq!(facts.workgroup_bytes(&values), Some(13 * 16 + 16 + 4));
        let refused = |a, d| {
            let values = facts.values(given(a, d))?;
            let mut all = facts.all_constants();
            all.find(|c| !c.allows(values[c.name.as_str()], &values))
                .map(|c| c.name.clone())
        };
        assert_eq!(refused(5.0, 1.0), None);
        assert_eq!(refused(6.0, 1.0).as_deref(), Some("B"));
        // A quotient of 0, and what is not of 32 bits.
        assert_eq!(refused(5.0, 20.0).as_deref(), Some("C"));
        assert!(facts.values(given(5.0, 0.0)).is_none());
        assert!(facts.values(given(f64::from(1 << 30), 1.0)).is_none());
        assert!(facts.values([("A", 5.0)]).is_none());
    }
}
