//! Forms of parameters: shown from the table and a sheet, taken back whole or not at all.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use desk::{Patch, Refused, Scope, Settings, Sheet};
use params::WebPage;
use serde::Deserialize;

use super::doors::Guest;
use super::field::{Entered, FormView, labelled};
use super::frame::{Frame, Tab, path_of};
use super::gate::is_own_form;
use super::note::{Note, notes};
use super::place::Layout;
use super::{Pages, refusal, refused, render_with};

/// What the address of a form says.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    phone: Option<String>,
    account: Option<u8>,
    /// How many values the last Confirm changed.
    done: Option<usize>,
    /// Some of them wait for the next start.
    later: Option<u8>,
}

/// Fields of a form by name, in the order sent.
type Sent = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "form.html")]
struct FormPage {
    frame: Frame,
    action: String,
    scope: Scope,
    accounts: Vec<AccountChoice>,
    status: Option<String>,
    revision: String,
    /// The values that the form was filled with, so that untouched fields can be told from others.
    read: String,
    form: FormView,
    notes: &'static [Note],
    done: Option<String>,
    stale: bool,
    failure: Option<String>,
    can_provision: bool,
}

struct AccountChoice {
    number: u8,
    is_chosen: bool,
}

/// One page of the table for one request.
#[derive(Clone)]
struct Page {
    page: WebPage,
    asked: Asked,
    guest: Guest,
}

pub(super) async fn show(
    page: WebPage,
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
) -> Response {
    let page = Page { page, asked, guest };
    let scope = page.scope();
    match pages.desk.sheet(scope.clone()).await {
        Ok(sheet) => page.answer(&pages, scope, &sheet, Shown::default()).await,
        Err(problem) => refused(&problem),
    }
}

pub(super) async fn take(
    page: WebPage,
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
    Form(sent): Form<Sent>,
) -> Response {
    let value = |name: &str| sent.iter().find(|(key, _)| key == name).map(|(_, it)| it.as_str());
    if !is_own_form(&guest, value("csrf")) {
        return refusal(StatusCode::FORBIDDEN, "This form is not from this page; open it again.");
    }
    let page = Page { page, asked, guest };
    let scope = page.scope();
    if value("cancel").is_some() {
        return Redirect::to(&page.address(&[])).into_response();
    }
    let sheet = match pages.desk.sheet(scope.clone()).await {
        Ok(sheet) => sheet,
        Err(problem) => return refused(&problem),
    };
    let read: Settings =
        value("read").and_then(|read| serde_json::from_str(read).ok()).unwrap_or_default();
    let touched = page.touched(&sheet, &read, &sent);
    let read_at = value("revision").unwrap_or_default().to_owned();
    let patch = Patch { values: touched.clone(), read_at: Some(read_at) };
    let problem = match pages.desk.revise(scope.clone(), patch).await {
        Ok(changed) => return page.done(&sheet, &changed),
        Err(problem) => problem,
    };
    let sheet = match pages.desk.sheet(scope.clone()).await {
        Ok(sheet) => sheet,
        Err(problem) => return refused(&problem),
    };
    let (status, shown) = Shown::refused(problem, &sheet, &read, touched);
    let mut response = page.answer(&pages, scope, &sheet, shown).await;
    *response.status_mut() = status;
    response
}

/// What a form shows beside the values that hold.
#[derive(Default)]
struct Shown {
    entered: Entered,
    stale: bool,
    failure: Option<String>,
}

impl Shown {
    fn refused(
        problem: Refused,
        sheet: &Sheet,
        read: &Settings,
        values: Settings,
    ) -> (StatusCode, Self) {
        match problem {
            Refused::Stale => (StatusCode::CONFLICT, Self::stale(sheet, read, values)),
            Refused::Invalid(errors) => {
                let entered = Entered { values, errors, ..Entered::default() };
                (StatusCode::UNPROCESSABLE_ENTITY, Self { entered, ..Self::default() })
            }
            Refused::Unauthorized
            | Refused::NotFound(_)
            | Refused::Conflict(_)
            | Refused::Malformed(_)
            | Refused::Unreachable(_) => {
                let entered = Entered { values, ..Entered::default() };
                let failure = Some(format!("Nothing was changed: {problem}."));
                (StatusCode::CONFLICT, Self { entered, failure, ..Self::default() })
            }
        }
    }

    /// A field that both have changed shows what was typed here and says what holds; a field that
    /// only the other has changed shows what holds and says what it was.
    fn stale(sheet: &Sheet, read: &Settings, touched: Settings) -> Self {
        let mut meanwhile = Settings::new();
        for (key, field) in &sheet.fields {
            let words = |value: &str| {
                let kind = key.parse::<params::Key>().map(|key| key.row().kind);
                kind.map_or_else(|_| value.to_owned(), |kind| labelled(kind, value))
            };
            let (Some(was), now) = (read.get(key), &field.value) else { continue };
            if was == now {
                continue;
            }
            let text = match touched.get(key) {
                Some(typed) if typed != now => {
                    format!(
                        "changed meanwhile: {} holds now, you entered {}",
                        words(now),
                        words(typed)
                    )
                }
                Some(_) => continue,
                None => format!("changed meanwhile: it was {}", words(was)),
            };
            meanwhile.insert(key.clone(), text);
        }
        let entered = Entered { values: touched, meanwhile, ..Entered::default() };
        Self { entered, stale: true, failure: None }
    }
}

impl Page {
    fn scope(&self) -> Scope {
        let account = self.is_of_account().then(|| self.asked.account.unwrap_or(1));
        Scope { phone: self.asked.phone.clone(), account }
    }

    fn is_of_account(&self) -> bool {
        matches!(self.page, WebPage::AccountRegister | WebPage::AccountAdvanced)
    }

    fn layout(&self, sheet: &Sheet) -> Layout {
        Layout::of(self.page, self.scope().account, |key| {
            sheet.fields.contains_key(&key.to_string())
        })
    }

    /// The address of this form, with more in its query.
    fn address(&self, more: &[(&str, &str)]) -> String {
        let scope = self.scope();
        let account = scope.account.map(|number| number.to_string());
        let own = [("phone", scope.phone.as_deref()), ("account", account.as_deref())];
        let own = own.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)));
        let all = own.chain(more.iter().copied());
        let query: Vec<_> = all.map(|(name, value)| format!("{name}={value}")).collect();
        let path = path_of(self.page);
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }

    /// Shows the form again, with how much was changed.
    fn done(&self, before: &Sheet, changed: &[String]) -> Response {
        let waits = |key| before.fields.get(key).is_some_and(|field| field.at_start);
        let later = usize::from(changed.iter().any(waits)).to_string();
        let done = changed.len().to_string();
        Redirect::to(&self.address(&[("done", &done), ("later", &later)])).into_response()
    }

    /// The fields that somebody has changed in the form, with what they have now.
    fn touched(&self, sheet: &Sheet, read: &Settings, sent: &Sent) -> Settings {
        let layout = self.layout(sheet);
        let mut touched = Settings::new();
        for key in layout.keys() {
            let (name, is_secret) = (key.to_string(), key.row().secret);
            let sent = |wanted: &str| sent.iter().find(|(key, _)| key == wanted);
            let Some((_, value)) = sent(&name) else { continue };
            let value = value.trim();
            if is_secret {
                let removed = sent(&format!("remove.{name}")).is_some();
                if removed || !value.is_empty() {
                    touched.insert(name, value.to_owned());
                }
                continue;
            }
            let was = read.get(&name).map_or("", String::as_str);
            if value != was {
                touched.insert(name, value.to_owned());
            }
        }
        touched
    }

    async fn answer(&self, pages: &Pages, scope: Scope, sheet: &Sheet, shown: Shown) -> Response {
        let layout = self.layout(sheet);
        let read: Settings = layout
            .keys()
            .filter_map(|key| {
                let name = key.to_string();
                let field = sheet.fields.get(&name).filter(|_| !key.row().secret)?;
                Some((name, field.value.clone()))
            })
            .collect();
        let status = if self.page == WebPage::AccountRegister {
            register_status(pages, sheet, scope.account).await
        } else {
            None
        };
        let frame = Frame::new(pages, &self.guest, Tab::Form(self.page), scope.phone.clone()).await;
        let page = FormPage {
            action: self.address(&[]),
            accounts: accounts(sheet, scope.account),
            revision: sheet.revision.clone(),
            read: serde_json::to_string(&read).unwrap_or_default(),
            form: FormView::new(&layout, sheet, &shown.entered),
            notes: notes(self.page),
            done: self.asked.done.map(|count| done_words(count, self.asked.later == Some(1))),
            stale: shown.stale,
            failure: shown.failure,
            can_provision: self.page == WebPage::SettingsProvision,
            status,
            scope,
            frame,
        };
        render_with(StatusCode::OK, &page)
    }
}

/// The accounts of the model, where the page is about one.
fn accounts(sheet: &Sheet, chosen: Option<u8>) -> Vec<AccountChoice> {
    let last = chosen.map_or(0, |_| sheet.account_max);
    let all = 1..=last;
    all.map(|number| AccountChoice { number, is_chosen: chosen == Some(number) }).collect()
}

fn done_words(count: usize, later: bool) -> String {
    let what = match count {
        0 => return "Nothing was changed: the values are those that hold.".to_owned(),
        1 => "1 value was changed".to_owned(),
        count => format!("{count} values were changed"),
    };
    match later {
        true => format!("{what} and kept; what is marked so acts when the phone is started again."),
        false => format!("{what}, kept, and acts from now on."),
    }
}

/// The guide's word for the account of a sheet.
async fn register_status(pages: &Pages, sheet: &Sheet, account: Option<u8>) -> Option<String> {
    let status = pages.desk.status().await.ok()?;
    let phone = status.phone(Some(&sheet.phone))?;
    let account = phone.accounts.iter().find(|it| Some(it.account) == account);
    Some(account.map_or("Disabled", |account| account.status.as_str()).to_owned())
}

#[cfg(test)]
mod tests {
    use desk::Field;

    use super::*;

    #[test]
    fn a_stale_form_tells_both_values_and_leaves_alone_what_agrees() {
        let (label, name, port) =
            ("account.1.label", "account.1.display_name", "account.1.sip_server.1.port");
        let field = |value: &str| Field { value: value.into(), ..Field::default() };
        let fields = [(label, "theirs"), (name, "theirs"), (port, "5070")];
        let sheet = Sheet {
            phone: String::new(),
            model: String::new(),
            firmware: 81,
            profile: String::new(),
            account_max: 16,
            revision: "2".into(),
            fields: fields.map(|(key, value)| (key.to_owned(), field(value))).into(),
        };
        let read = [(label, "was"), (name, "was"), (port, "5060")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let touched: Settings =
            [(label.to_owned(), "mine".to_owned()), (port.to_owned(), "5070".to_owned())].into();
        let shown = Shown::stale(&sheet, &read, touched);
        assert!(shown.stale);
        assert_eq!(
            shown.entered.meanwhile[label],
            "changed meanwhile: theirs holds now, you entered mine"
        );
        assert_eq!(shown.entered.meanwhile[name], "changed meanwhile: it was was");
        assert!(!shown.entered.meanwhile.contains_key(port), "both entered the same");
    }

    #[test]
    fn what_was_done_is_said_in_numbers() {
        assert!(done_words(0, false).starts_with("Nothing"));
        assert!(done_words(1, false).starts_with("1 value was changed"));
        assert!(done_words(3, true).ends_with("when the phone is started again."));
    }
}
