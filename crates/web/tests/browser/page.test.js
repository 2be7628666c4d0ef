// What somebody does with the page, told step by step; each claim about the phone is checked at the
// servers or through the API.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Browser, Lab, Phone, folder, until } from "./stage.js";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const ARTEFACTS = process.env.ARTEFACTS;
const PAGES = [
  ["status", "/status"],
  ["log", "/status/log"],
  ["account-register", "/account/register"],
  ["account-advanced", "/account/advanced"],
  ["network-dns", "/network/dns"],
  ["settings-sip", "/settings/sip"],
  ["settings-provision", "/settings/provision"],
  ["settings-configuration", "/settings/configuration"],
  ["security-password", "/security/password"],
];
const SERVER_2 = "account.1.sip_server.2.address";
const PORT_2 = "account.1.sip_server.2.port";
const LABEL = "account.1.label";

let place, lab, phone, browser, page;

const settings = `account.1.enable = 1
account.1.label = Reception
account.1.user_name = 1001
account.1.auth_name = 1001
account.1.password = pw
account.1.sip_server.1.address = lab.test
account.1.sip_server.1.port = 0
account.1.sip_server.1.transport_type = 3
account.1.sip_server.1.expires = 30
account.1.sip_server.1.retry_counts = 1
account.1.sip_server.1.failback_mode = 3
account.1.sip_server.1.failback_timeout = 60
`;

before(async () => {
  place = await folder();
  lab = await Lab.start(place.path, ["--expires-max", "20"]);
  phone = await Phone.start(place.path, lab, settings);
  browser = await Browser.open();
  page = browser.page;
});

after(async () => {
  await browser?.close();
  await phone?.stop();
  await lab?.stop();
  await place?.remove();
});

const field = (of, key) => of.locator(`[name="${key}"]`);
const error = (of, key) => of.locator(`[data-error-for="${key}"]`);
const confirm = (of) => of.locator('[name="confirm"]').click();

/** A picture of the whole page, as high as it is, so that nothing sticks in its middle. */
async function picture(of, name, width = 1360) {
  await of.setViewportSize({ width, height: 900 });
  const height = await of.evaluate(() => document.documentElement.scrollHeight);
  await of.setViewportSize({ width, height: Math.min(height, 8000) });
  await of.screenshot({ path: join(ARTEFACTS, `${name}.png`) });
  await of.setViewportSize({ width: 1360, height: 900 });
}

async function accessible(of, what) {
  // Evaluated by the debugger, not by the page: its content policy forbids that.
  await of.evaluate(AXE);
  const found = await of.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const faults = found.violations.map(({ id, help, nodes }) =>
    `${id}: ${help}\n${nodes.slice(0, 3).map((node) => `    ${node.html.slice(0, 200)}\n    ${node.failureSummary}`).join("\n")}`);
  assert.deepEqual(faults, [], what);
}

test("nobody gets in with a wrong password, or without any", async () => {
  await page.goto(`${phone.base}/account/register`);
  assert.match(page.url(), /\/login\?next=\/account\/register$/);
  await picture(page, "login");
  await accessible(page, "log-in");
  await browser.logIn(phone, "guess");
  await page.getByRole("alert").filter({ hasText: "User name or password is wrong" }).waitFor();
  const [cookie] = await browser.context.cookies();
  assert.equal(cookie, undefined);
  assert.deepEqual(browser.complaintsBut(["401"]), []);
});

test("the log-in leads to the status", async () => {
  await browser.logIn(phone);
  await page.waitForURL("**/status");
  const [cookie] = await browser.context.cookies();
  assert.ok(cookie.httpOnly && cookie.sameSite === "Strict", JSON.stringify(cookie));
  await page.locator("#account-1 .pill", { hasText: "Registered" }).waitFor();
});

test("SIP Server 2 is changed and the phone registers there at once", async () => {
  const [host, port] = lab.hop("fallback").replace("udp/", "").split(":");
  assert.deepEqual(await lab.bindings("fallback", "1001"), []);
  await page.goto(`${phone.base}/account/register?account=1`);
  await page.getByLabel("SIP Server 2 Server Host", { exact: true }).fill(host);
  await page.getByLabel("SIP Server 2 Port", { exact: true }).fill(port);
  await confirm(page);
  await page.getByRole("status").filter({ hasText: "2 values were changed" }).waitFor();
  assert.equal(await field(page, SERVER_2).inputValue(), host);
  await until("a binding at the fallback server", async () => (await lab.bindings("fallback", "1001")).length === 1);
  await page.goto(`${phone.base}/status`);
  await page.getByText("Holds a second registration").waitFor();
});

test("a wrong value is said at its field and nothing is saved", async () => {
  await page.goto(`${phone.base}/account/register?account=1`);
  const before = await field(page, LABEL).inputValue();
  await field(page, LABEL).fill("Half");
  await field(page, PORT_2).fill("70000");
  await field(page, "account.1.sip_server.1.expires").fill("5");
  await confirm(page);
  await error(page, PORT_2).filter({ hasText: "0 to 65535" }).waitFor();
  await error(page, "account.1.sip_server.1.expires").filter({ hasText: "30 to" }).waitFor();
  assert.equal(await error(page, LABEL).textContent(), "");
  assert.equal(await field(page, PORT_2).inputValue(), "70000", "what was typed is kept");
  assert.equal(await field(page, PORT_2).getAttribute("aria-invalid"), "true");
  await picture(page, "account-register-wrong");
  await accessible(page, "a form with errors");
  await page.goto(`${phone.base}/account/register?account=1`);
  assert.equal(await field(page, LABEL).inputValue(), before);
  assert.deepEqual(browser.complaintsBut(["422"]), []);
});

test("Cancel restores what holds", async () => {
  await field(page, LABEL).fill("Never");
  await page.locator('[name="cancel"]').click();
  await page.waitForLoadState();
  assert.equal(await field(page, LABEL).inputValue(), "Reception");
  assert.equal((await phone.status()).phones[0].accounts[0].label, "Reception");
});

test("two browsers: the second sees both values before it overwrites", async () => {
  const other = await Browser.open();
  try {
    await other.logIn(phone);
    const address = `${phone.base}/account/register?account=1`;
    await Promise.all([page.goto(address), other.page.goto(address)]);
    await field(page, LABEL).fill("First");
    await field(page, "account.1.display_name").fill("Desk");
    await confirm(page);
    await page.getByRole("status").filter({ hasText: "2 values were changed" }).waitFor();
    await field(other.page, LABEL).fill("Second");
    await confirm(other.page);
    await other.page.getByRole("alert").filter({ hasText: "Somebody else changed" }).waitFor();
    await other.page.getByText("First holds now, you entered Second").waitFor();
    assert.equal(await field(other.page, LABEL).inputValue(), "Second");
    assert.equal(await field(other.page, "account.1.display_name").inputValue(), "Desk", "what only the other changed holds");
    assert.equal((await phone.status()).phones[0].accounts[0].label, "First");
    await picture(other.page, "account-register-stale");
    await confirm(other.page);
    await other.page.getByRole("status").filter({ hasText: "1 value was changed" }).waitFor();
    assert.equal((await phone.status()).phones[0].accounts[0].label, "Second");
  } finally {
    await other.close();
  }
});

test("names are data, in every page", async () => {
  const evil = `<img src=x onerror="document.title='pwned'">`;
  await page.goto(`${phone.base}/account/register?account=1`);
  await field(page, LABEL).fill(evil);
  await confirm(page);
  await page.getByRole("status").filter({ hasText: "1 value was changed" }).waitFor();
  await page.goto(`${phone.base}/status`);
  await page.getByRole("heading", { name: evil }).waitFor();
  assert.equal(await page.locator("img").count(), 0);
  assert.notEqual(await page.title(), "pwned");
  await page.goto(`${phone.base}/account/register?account=1`);
  await field(page, LABEL).fill("Reception");
  await confirm(page);
  await page.getByRole("status").filter({ hasText: "1 value was changed" }).waitFor();
});

test("no page carries a password, loads anything from elsewhere or breaks its content policy", async () => {
  for (const [name, path] of PAGES) {
    const answer = await page.goto(phone.base + path);
    assert.equal(answer.status(), 200, name);
    assert.match(answer.headers()["content-security-policy"], /default-src 'none'; script-src 'self'/);
    const html = await page.content();
    assert.ok(!/value="pw"|>pw</.test(html), `${name} shows the password`);
    assert.equal(await page.locator("[style], script:not([src]), [onclick]").count(), 0, name);
  }
  assert.deepEqual(browser.complaintsBut(["Failed to load resource"]), []);
});

test("every page is accessible and fits a phone, light and dark", async () => {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    for (const [name, path] of PAGES) {
      await page.goto(phone.base + path);
      await accessible(page, `${name}, ${scheme}`);
      await picture(page, `${name}-${scheme}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  for (const [name, path] of PAGES) {
    await page.setViewportSize({ width: 390, height: 844 });
    await page.goto(phone.base + path);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(over <= 0, `${name} is ${over} px wider than a phone`);
    await picture(page, `${name}-phone`, 390);
  }
});

test("the primary dies and the page moves to the secondary without a reload", async () => {
  await page.goto(`${phone.base}/status`);
  const primary = lab.hop("primary"), secondary = lab.hop("secondary");
  const on = (hop) => page.getByRole("group", { name: `On next hop ${hop}` });
  await on(primary).waitFor();
  await page.evaluate(() => { window.sameDocument = true; });
  await lab.fault("primary", "kill");
  await on(secondary).waitFor({ timeout: 40_000 });
  assert.ok(await page.evaluate(() => window.sameDocument), "the page was loaded anew");

  // The five things that somebody has to know, by their accessible names.
  const fact = (name) => page.getByRole("group", { name });
  await fact(`On next hop ${secondary} secondary of server 1, lab.test`).waitFor();
  await fact(/^Since \d\d:\d\d:\d\d for /).waitFor();
  await fact(`Why there ${primary} was unreachable (ICMP)`).waitFor();
  await fact(/^Goes back in \d+ s if udp\S+ answers the REGISTER; duration: after failback_timeout/).waitFor();
  await fact(`Calls now Yes in and out by ${secondary}`).waitFor();
  await picture(page, "status-after-failover");
  await accessible(page, "the status after a failover");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "status-after-failover-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await picture(page, "status-after-failover-phone", 390);
});

test("countdowns run, and the messages of the move open on a click and by keyboard", async () => {
  const due = page.locator('#account-1 .next .when[data-in]').first();
  const first = await due.textContent();
  await until("the countdown to run", async () => (await due.textContent()) !== first, 3000);
  const arrow = page.getByRole("link", { name: /^\+0\.000 s REGISTER to / }).first();
  await arrow.click();
  const message = page.locator(".messages details[open] pre").first();
  assert.match(await message.textContent(), /^REGISTER sip:lab\.test SIP\/2\.0/);
  await page.locator(".messages details[open] summary").first().press("Enter");
  assert.equal(await page.locator(".messages details[open]").count(), 0);
  await arrow.focus();
  await page.keyboard.press("Enter");
  await message.waitFor();
  // What somebody has opened stays open while the page renews itself.
  await page.waitForTimeout(6000);
  assert.ok(await message.isVisible());
  for (const text of await page.locator(".messages pre").allTextContents()) {
    assert.doesNotMatch(text, /response="[0-9a-f]+"/);
  }
});

test("the page says that it lost the phone, and is right again after a restart", async () => {
  await phone.kill();
  await page.getByRole("alert").filter({ hasText: "The phone does not answer" }).waitFor();
  await lab.fault("primary", "heal");
  await phone.run();
  await page.getByRole("alert").filter({ hasText: "The phone does not answer" }).waitFor({ state: "hidden", timeout: 40_000 });
  assert.ok(await page.evaluate(() => window.sameDocument), "the page was loaded anew");
  await page.getByRole("group", { name: `On next hop ${lab.hop("primary")}` }).waitFor();
  // What was confirmed before kill -9 holds.
  await page.goto(`${phone.base}/account/register?account=1`);
  assert.equal(await field(page, SERVER_2).inputValue(), lab.hop("fallback").replace("udp/", "").split(":")[0]);
  assert.equal(await field(page, LABEL).inputValue(), "Reception");
  assert.deepEqual(browser.complaintsBut(["Failed to load resource", "net::ERR", "htmx:sse:error"]), []);
});

test("an event is on the page in a moment, and the page is light", async (t) => {
  await page.goto(`${phone.base}/status`);
  const csrf = await page.locator('input[name="csrf"]').first().inputValue();
  const weight = await page.evaluate(() => performance.getEntries()
    .reduce((sum, it) => sum + (it.encodedBodySize ?? 0), 0));
  const paint = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  const late = await page.evaluate(async (csrf) => {
    const seen = [];
    new MutationObserver(() => seen.push(Date.now())).observe(document.querySelector("#account-1 .next"), {
      subtree: true, attributes: true, attributeFilter: ["data-in"], // The page's own clock leaves it alone.
    });
    const since = (await (await fetch("/api/events?follow=false")).text()).match(/^id: ?(\d+)$/gm).pop().slice(3).trim();
    for (let nth = 0; nth < 20; nth += 1) {
      await fetch("/api/accounts/1/register", { method: "POST", headers: { "X-CSRF-Token": csrf } });
      await new Promise((go) => setTimeout(go, 300));
    }
    const text = await (await fetch(`/api/events?follow=false&since=${since}`)).text();
    const lines = text.split("\n").filter((line) => line.startsWith("data:")).map((line) => JSON.parse(line.slice(5)));
    const registered = lines.filter((line) => line.event === "registered").map((line) => Date.parse(line.at));
    return registered.map((at) => (seen.find((time) => time >= at) ?? Infinity) - at).sort((a, b) => a - b);
  }, csrf);
  t.diagnostic(`page weight ${(weight / 1024).toFixed(0)} KiB, first paint ${paint.toFixed(0)} ms, ` +
    `event to page: median ${late[late.length >> 1]} ms, worst ${late.at(-1)} ms of ${late.length}`);
  assert.ok(late.length >= 20 && late[late.length >> 1] < 200, late.join(" "));
  assert.ok(weight < 200 * 1024, `${weight} bytes`);
});

test("settings go out as a file and come back", async () => {
  await page.goto(`${phone.base}/settings/configuration`);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export the file" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "001565000001-all.cfg");
  const text = await readFile(await download.path(), "utf8");
  assert.match(text, /^account\.1\.label = Reception$/m);
  assert.match(text, /^###account\.1\.password =$/m);
  const file = (content) => ({ name: "in.cfg", mimeType: "text/plain", buffer: Buffer.from(content) });
  const take = async (content) => {
    await page.getByLabel("Configuration file").setInputFiles(file(content));
    await page.getByRole("button", { name: "Import" }).click();
  };
  await take(text);
  await page.getByRole("status").filter({ hasText: "nothing differs" }).waitFor();
  await take(`${LABEL} = Büro\naccount.1.sip_server.1.expires = 5\n`);
  await page.getByRole("alert").filter({ hasText: "30 to 2147483647" }).waitFor();
  await take(`${LABEL} = Büro\naccount.1.nonsense = 5\n`);
  await page.getByText("account.1.nonsense").waitFor();
  assert.equal((await phone.status()).phones[0].accounts[0].label, "Büro");
});

test("without JavaScript the same page stands still and forms work", async () => {
  const plain = await Browser.open({ javaScriptEnabled: false });
  try {
    await plain.logIn(phone);
    await plain.page.getByText("Without JavaScript this page stands still").waitFor();
    await plain.page.getByRole("group", { name: `On next hop ${lab.hop("primary")}` }).waitFor();
    await plain.page.goto(`${phone.base}/account/register`);
    await plain.page.getByLabel("Account", { exact: true }).selectOption("2");
    await plain.page.getByRole("button", { name: "Show" }).click();
    await field(plain.page, "account.2.label").fill("Second line");
    await confirm(plain.page);
    await plain.page.getByRole("status").filter({ hasText: "1 value was changed" }).waitFor();
    assert.equal(await field(plain.page, "account.2.label").inputValue(), "Second line");
  } finally {
    await plain.close();
  }
});

test("another password logs other browsers out, and the known one works no longer", async () => {
  const other = await Browser.open();
  try {
    await other.logIn(phone);
    await page.goto(`${phone.base}/security/password`);
    const type = async (old, first, again) => {
      await page.getByLabel("Your Old Password").fill(old);
      await page.getByLabel("New Password", { exact: true }).fill(first);
      await page.getByLabel("Confirm Password").fill(again);
      await confirm(page);
    };
    await type("admin", "short", "other");
    await error(page, "new_password").filter({ hasText: "at least 6" }).waitFor();
    await type("admin", "a better one", "a better one");
    await page.getByRole("status").filter({ hasText: "The password was changed" }).waitFor();
    await other.page.goto(`${phone.base}/status`);
    assert.match(other.page.url(), /\/login/);
    await other.logIn(phone);
    await other.page.getByRole("alert").waitFor();
    await other.logIn(phone, "a better one");
    await other.page.waitForURL("**/status");
    await page.getByRole("button", { name: /Log out/ }).click();
    await page.waitForURL("**/login");
    await page.goto(`${phone.base}/status`);
    assert.match(page.url(), /\/login/);
  } finally {
    await other.close();
  }
});

test("with --web-tls the page comes by TLS alone, with a certificate that lasts", async () => {
  const own = await folder();
  const other = await Browser.open({ ignoreHTTPSErrors: true });
  const secret = await Phone.start(own.path, lab, settings, ["--web-tls"]);
  try {
    const fingerprint = () => secret.child.said.match(/SHA-256 ([0-9A-F:]{95})/)[1];
    const first = fingerprint();
    await other.logIn(secret);
    await other.page.waitForURL("**/status");
    const [cookie] = await other.context.cookies();
    assert.ok(cookie.secure && cookie.httpOnly, JSON.stringify(cookie));
    await assert.rejects(fetch(secret.base.replace("https", "http")));
    await secret.stop();
    await secret.run();
    assert.equal(fingerprint(), first);
    await other.page.goto(`${secret.base}/network/dns`);
    assert.equal(new URL(other.page.url()).pathname, "/network/dns", "still logged in");
  } finally {
    await other.close();
    await secret.stop();
    await own.remove();
  }
});
