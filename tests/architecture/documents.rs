//! Documents that keep up with the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::CommandFactory;

use super::source::{files, relative, sources};
use super::{project, report};

/// What every record of a decision has.
const ADR_PARTS: &[&str] = &["Status: ", "## Context", "## Decision", "## Consequences"];

/// Where whoever wrote this worked: no business of its readers.
const PLACES: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// The stable codes: of refusals, and of what the program says when something did not work.
fn codes() -> io::Result<BTreeSet<String>> {
    let mut codes = BTreeSet::new();
    for file in sources("src")? {
        if file.path == "src/domain/refusal.rs" {
            codes.extend(refusals(&file.raw));
        }
        for (_, line) in file.text_lines() {
            codes.extend(line.split_whitespace().filter_map(program_code));
        }
    }
    Ok(codes)
}

/// The names in `Refusal::code`.
fn refusals(raw: &str) -> Vec<String> {
    let body = raw.split("const fn code(").nth(1).unwrap_or_default();
    let body = body.split("\n    }\n").next().unwrap_or_default();
    body.split('"').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

fn program_code(word: &str) -> Option<String> {
    let letters = word.strip_prefix("KASSA-")?;
    let legal = |c: char| c.is_ascii_uppercase() || c == '-';
    (!letters.is_empty() && letters.chars().all(legal)).then(|| word.to_owned())
}

/// The documents of a folder by the names of their files; its index is none of them.
fn pages(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut pages = Vec::new();
    for path in files(folder, "md")? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if name != "README" {
            pages.push((name, fs::read_to_string(&path)?));
        }
    }
    pages.sort();
    Ok(pages)
}

/// Faults of an index that leaves a page out.
fn index_faults(folder: &Path, names: &[&str]) -> io::Result<Vec<String>> {
    let path = folder.join("README.md");
    let index = fs::read_to_string(&path)?;
    let missing = names.iter().filter(|name| !index.contains(&format!("({name}.md)")));
    let fault = |name: &&str| format!("{}: does not link {name}.md", relative(&path));
    Ok(missing.map(fault).collect())
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() -> io::Result<()> {
    let folder = project().join("docs/errors");
    let (codes, pages) = (codes()?, pages(&folder)?);
    assert!(codes.contains("insufficient_stock"), "the refusals are not found: {codes:?}");
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let mut faults = index_faults(&folder, &names)?;
    for code in codes.iter().filter(|code| !names.contains(&code.as_str())) {
        faults.push(format!("docs/errors/{code}.md is missing: every stable code has a page"));
    }
    for (name, page) in &pages {
        if !codes.contains(name) {
            faults.push(format!("docs/errors/{name}.md: no such code in the source"));
        }
        if page.lines().next() != Some(&format!("# {name}")) {
            faults.push(format!("docs/errors/{name}.md: must begin with `# {name}`"));
        }
    }
    report(faults);
    Ok(())
}

#[test]
fn every_decision_has_a_number_and_a_status() -> io::Result<()> {
    let folder = project().join("docs/adr");
    let pages = pages(&folder)?;
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    let mut faults = index_faults(&folder, &names)?;
    for (number, (name, page)) in (1..).zip(&pages) {
        let at = format!("docs/adr/{name}.md");
        if !name.starts_with(&format!("{number:04}-")) {
            faults.push(format!("{at}: must be number {number:04}: no gaps, none twice"));
        }
        if !page.starts_with(&format!("# {number}. ")) {
            faults.push(format!("{at}: must begin with `# {number}. ` and its title"));
        }
        let missing = ADR_PARTS.iter().filter(|part| !page.contains(&format!("\n{part}")));
        faults.extend(missing.map(|part| format!("{at}: has no line that begins `{part}`")));
    }
    report(faults);
    Ok(())
}

/// The documents of the project.
fn documents() -> io::Result<Vec<PathBuf>> {
    let mut documents = files(&project().join("docs"), "md")?;
    for entry in fs::read_dir(project())? {
        let path = entry?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    Ok(documents)
}

/// What a document links to, without what lies outside the project.
fn links(document: &str) -> Vec<&str> {
    let targets = document.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let outside = |target: &&str| target.contains("://") || target.starts_with("mailto:");
    targets.filter(|target| !outside(target)).collect()
}

/// The anchors of a document, as the usual renderers make them from its headings.
fn anchors(document: &str) -> BTreeSet<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| -> String {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let title = line.trim_start_matches('#').trim().to_lowercase();
        title.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() -> io::Result<()> {
    let mut faults = Vec::new();
    for path in documents()? {
        let document = fs::read_to_string(&path)?;
        let folder = path.parent().unwrap_or(project());
        for link in links(&document) {
            let (file, anchor) = link.split_once('#').map_or((link, None), |(f, a)| (f, Some(a)));
            let target = if file.is_empty() { path.clone() } else { folder.join(file) };
            if !target.exists() {
                faults.push(format!("{}: there is no {link}", relative(&path)));
            } else if let Some(anchor) = anchor
                && !anchors(&fs::read_to_string(&target)?).contains(anchor)
            {
                faults.push(format!("{}: {file} has no heading #{anchor}", relative(&path)));
            }
        }
    }
    report(faults);
    Ok(())
}

#[test]
fn documents_and_sources_name_no_place_of_one_machine() -> io::Result<()> {
    let mut faults = Vec::new();
    let mut texts: Vec<(String, String)> = Vec::new();
    for path in documents()? {
        texts.push((relative(&path), fs::read_to_string(&path)?));
    }
    for folder in ["src", "tests"] {
        texts.extend(sources(folder)?.into_iter().map(|file| (file.path, file.raw)));
    }
    for (path, text) in &texts {
        for place in PLACES.iter().filter(|place| text.contains(**place)) {
            faults.push(format!("{path}: names {place}"));
        }
    }
    report(faults);
    Ok(())
}

#[test]
fn every_command_has_a_row_in_the_readme() -> io::Result<()> {
    let readme = fs::read_to_string(project().join("README.md"))?;
    let rows: Vec<&str> = readme.lines().filter(|line| line.starts_with("| `kassa ")).collect();
    let mut faults = Vec::new();
    for command in kassa::cli::Arguments::command().get_subcommands() {
        let name = command.get_name();
        let of_it = rows.iter().filter(|row| row.contains(&format!("`kassa {name}")));
        let row: String = of_it.copied().collect();
        if row.is_empty() {
            faults.push(format!("README.md: no row for `kassa {name}`"));
        }
        let nested = command.get_subcommands().map(clap::Command::get_name);
        let missing = nested.filter(|nested| *nested != "help" && !row.contains(nested));
        faults.extend(missing.map(|nested| format!("README.md: `kassa {name}` lacks {nested}")));
    }
    report(faults);
    Ok(())
}
