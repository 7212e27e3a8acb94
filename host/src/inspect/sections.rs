//! The outermost level of a binary: what it imports and exports, and who made it.

use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType,
    ComponentTypeRef, CompositeInnerType, CustomSectionReader, Encoding, ExternalKind,
    InstanceTypeDeclaration, KnownCustom, Parser, Payload, TypeBounds, TypeRef,
};

use host_probe::request::Kind;

/// An import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// Of a core module, the module that it is from; of a component, its whole name.
    pub(super) module: String,
    /// Of a core module.
    pub(super) name: String,
    pub(super) sort: Sort,
}

/// An export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Export {
    pub(super) name: String,
    pub(super) sort: Sort,
}

/// What is imported or exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A function; of a core module, with so many parameters and results.
    Function(Option<(usize, usize)>),
    /// A linear memory, which threads may share.
    Memory {
        shared: bool,
    },
    Table,
    Global,
    Tag,
    /// An instance of a component, and whether it takes more than types.
    Instance {
        empty: bool,
    },
    /// A type that is known already: an alias, which needs nothing.
    Alias,
    /// A resource: a type that only a host can give.
    Resource,
    /// A module, a component or a value.
    Other,
}

/// An entry of a `producers` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Produced {
    pub(super) name: String,
    pub(super) version: String,
}

/// Why a file cannot be taken apart.
#[derive(Debug)]
pub(super) enum Broken {
    /// It ends too early.
    CutOff(wasmparser::Error),
    /// It goes on after its end, which is here.
    Continues { end: usize },
    /// Something in it is wrong.
    Damaged(wasmparser::Error),
}

/// The outermost level of a binary.
#[derive(Debug, Default)]
pub(super) struct Sections {
    pub(super) component: bool,
    pub(super) imports: Vec<Import>,
    pub(super) exports: Vec<Export>,
    /// Those of every level, the outermost first.
    pub(super) producers: Vec<Produced>,
    /// The names of custom sections at the outermost level.
    pub(super) customs: Vec<String>,
    /// Parameters and results of the core types that are functions.
    signatures: Vec<Option<(usize, usize)>>,
    /// The types of a core module's functions.
    functions: Vec<u32>,
    bodies: usize,
    /// Of a component's types, whether an instance of the type is empty but for types.
    types: Vec<bool>,
    /// The identifier of the last section that is not custom, and where the last one of all ends.
    last: (u8, usize),
}

impl Sections {
    /// Takes a binary apart.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Broken> {
        let mut sections = Self::default();
        sections
            .read(bytes)
            .map_err(|error| sections.broken(bytes, error))?;
        Ok(sections)
    }

    pub(super) const fn kind(&self) -> Kind {
        if self.component {
            Kind::Component
        } else {
            Kind::Module
        }
    }

    fn read(&mut self, bytes: &[u8]) -> wasmparser::Result<()> {
        // How deep the parser is in modules and components within the component.
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if depth == 0
                && let Some((id, range)) = payload.as_section()
            {
                // Custom sections may stand anywhere, and order nothing.
                let id = if id == 0 { self.last.0 } else { id };
                self.last = (id, usize::try_from(range.end).unwrap_or(usize::MAX));
            }
            match payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::CustomSection(custom) => self.custom(&custom, depth == 0),
                outermost if depth == 0 => self.section(outermost)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn section(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::Version {
                encoding, range, ..
            } => {
                self.component = encoding == Encoding::Component;
                self.last = (0, usize::try_from(range.end).unwrap_or(usize::MAX));
            }
            Payload::TypeSection(section) => {
                for group in section {
                    let signatures = group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(ty) => {
                            Some((ty.params().len(), ty.results().len()))
                        }
                        _ => None,
                    });
                    self.signatures.extend(signatures);
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.functions.push(ty?);
                }
            }
            Payload::CodeSectionEntry(_) => self.bodies += 1,
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.import(import);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.export(export);
                }
            }
            _ => self.component_section(payload)?,
        }
        Ok(())
    }

    fn component_section(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                for ty in section {
                    let empty = Self::is_empty(&ty?);
                    self.types.push(empty);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    if adds_a_type(&alias?) {
                        self.types.push(false);
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let import = import?;
                    let sort = self.sort(import.ty);
                    if matches!(import.ty, ComponentTypeRef::Type(_)) {
                        self.types.push(false);
                    }
                    self.imports.push(Import {
                        module: import.name.name.to_owned(),
                        name: String::new(),
                        sort,
                    });
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let export = export?;
                    let sort = match export.kind {
                        ComponentExternalKind::Func => Sort::Function(None),
                        ComponentExternalKind::Instance => Sort::Instance { empty: false },
                        ComponentExternalKind::Type => Sort::Alias,
                        _ => Sort::Other,
                    };
                    if sort == Sort::Alias {
                        self.types.push(false);
                    }
                    self.exports.push(Export {
                        name: export.name.name.to_owned(),
                        sort,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: wasmparser::Import<'_>) {
        let sort = match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                // An imported function has its body elsewhere.
                self.bodies += 1;
                Sort::Function(self.signature(ty))
            }
            TypeRef::Memory(memory) => Sort::Memory {
                shared: memory.shared,
            },
            TypeRef::Table(_) => Sort::Table,
            TypeRef::Global(_) => Sort::Global,
            TypeRef::Tag(_) => Sort::Tag,
        };
        self.imports.push(Import {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            sort,
        });
    }

    fn export(&mut self, export: wasmparser::Export<'_>) {
        let function = || self.functions.get(export.index as usize).copied();
        let sort = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                Sort::Function(function().and_then(|ty| self.signature(ty)))
            }
            ExternalKind::Memory => Sort::Memory { shared: false },
            ExternalKind::Table => Sort::Table,
            ExternalKind::Global => Sort::Global,
            ExternalKind::Tag => Sort::Tag,
        };
        self.exports.push(Export {
            name: export.name.to_owned(),
            sort,
        });
    }

    fn signature(&self, ty: u32) -> Option<(usize, usize)> {
        self.signatures.get(ty as usize).copied().flatten()
    }

    /// What an import of a component is: the kind of each decides what a host must have.
    fn sort(&self, ty: ComponentTypeRef) -> Sort {
        match ty {
            ComponentTypeRef::Func(_) => Sort::Function(None),
            ComponentTypeRef::Type(TypeBounds::Eq(_)) => Sort::Alias,
            ComponentTypeRef::Type(TypeBounds::SubResource) => Sort::Resource,
            ComponentTypeRef::Instance(ty) => Sort::Instance {
                empty: self.types.get(ty as usize).copied().unwrap_or(false),
            },
            ComponentTypeRef::Module(_)
            | ComponentTypeRef::Value(_)
            | ComponentTypeRef::Component(_) => Sort::Other,
        }
    }

    /// Whether a type is that of instances that hold nothing but types that are known already.
    fn is_empty(ty: &ComponentType<'_>) -> bool {
        let ComponentType::Instance(declarations) = ty else {
            return false;
        };
        // The types that it defines itself, which what it exports is numbered by.
        let mut own = Vec::new();
        declarations.iter().all(|declaration| match declaration {
            InstanceTypeDeclaration::Type(ty) => {
                own.push(Self::is_empty(ty));
                true
            }
            InstanceTypeDeclaration::Alias(alias) => {
                if adds_a_type(alias) {
                    own.push(false);
                }
                true
            }
            InstanceTypeDeclaration::CoreType(_) => true,
            InstanceTypeDeclaration::Export { ty, .. } => match ty {
                ComponentTypeRef::Type(TypeBounds::Eq(_)) => {
                    own.push(false);
                    true
                }
                ComponentTypeRef::Instance(ty) => own.get(*ty as usize).copied().unwrap_or(false),
                _ => false,
            },
        })
    }

    fn custom(&mut self, custom: &CustomSectionReader<'_>, outermost: bool) {
        if outermost {
            self.customs.push(custom.name().to_owned());
        }
        let KnownCustom::Producers(fields) = custom.as_known() else {
            return;
        };
        // It is for people: one that is damaged damages nothing.
        for value in fields
            .into_iter()
            .flatten()
            .flat_map(|field| field.values)
            .flatten()
        {
            let entry = Produced {
                name: value.name.to_owned(),
                version: value.version.to_owned(),
            };
            if !self.producers.contains(&entry) {
                self.producers.push(entry);
            }
        }
    }

    /// What is wrong where the parser gave up.
    fn broken(&self, bytes: &[u8], error: wasmparser::Error) -> Broken {
        let (last, end) = self.last;
        let rest = bytes.get(end..).unwrap_or_default();
        let whole = self.component || self.bodies == self.functions.len();
        if whole && end > 8 && is_no_section(rest, self.component, last) {
            return Broken::Continues { end };
        }
        if error.message().contains("unexpected end") {
            Broken::CutOff(error)
        } else {
            Broken::Damaged(error)
        }
    }
}

/// Whether what follows a section cannot be a further one, whole or cut.
fn is_no_section(rest: &[u8], component: bool, last: u8) -> bool {
    let Some(&id) = rest.first() else {
        return false;
    };
    // The identifiers of the binary format: tags and data counts stand where they are needed.
    let order = |id: u8| match id {
        12 => 19,
        13 => 11,
        other => 2 * other,
    };
    rest.starts_with(b"\0asm")
        || rest
            .iter()
            .all(|byte| *byte == 0 || byte.is_ascii_whitespace())
        || id > 13
        || (!component && id != 0 && last != 0 && order(id) <= order(last))
}

/// Whether an alias is one of a component's types.
const fn adds_a_type(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Type,
            ..
        } | ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::Type,
            ..
        }
    )
}
