pub enum TemplatePart { Text(String), Hole }
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern(String);
#[derive(Debug)] pub struct PatternError;
impl std::fmt::Display for PatternError { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("bad") } }
pub enum PatternShape { Exact(String), Prefix(String), Glob { literal_prefix: String }, All }
impl Pattern {
    pub fn parse(s: &str) -> Result<Self, PatternError> { Ok(Self(s.into())) }
    pub fn matches(&self, a: &str) -> bool { self.0.strip_suffix('*').map_or(a == self.0, |p| a.starts_with(p)) }
    pub fn shape(&self) -> PatternShape { if self.0 == "*" { return PatternShape::All } match self.0.strip_suffix('*') { Some(p) => PatternShape::Prefix(p.into()), None => PatternShape::Exact(self.0.clone()) } }
    pub fn as_str(&self) -> &str { &self.0 }
    pub fn overlaps(&self, _: &[TemplatePart]) -> bool { true }
    pub fn literal_prefix(&self) -> &str { "" }
}
