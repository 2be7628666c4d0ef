// Everything that a test of the page plays with: the lab's servers, a phone, a browser.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PROGRAM = process.env.SURELINE;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

// Debian's browser in a closed network: it asks nobody but the page.
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update",
];

/** Waits until `probe` gives something, at most so long. */
export async function until(what, probe, withinMs = 20_000) {
  const end = Date.now() + withinMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs} ms`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

/** A child process whose output is kept for the report of a failure. */
function start(args) {
  const child = spawn(PROGRAM, args, { stdio: ["ignore", "pipe", "pipe"] });
  child.said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text) => { child.said += text; });
  }
  child.over = new Promise((done) => child.once("exit", done));
  return child;
}

async function stop(child, signal) {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  await child.over;
}

/** The lab: primary, secondary, fallback and DNS on free ports. */
export class Lab {
  static async start(folder, options = []) {
    const lab = new Lab();
    lab.folder = join(folder, "lab");
    const args = ["lab", "--port", "0", "--listen", "127.0.91", "--state", lab.folder, "--json"];
    lab.child = start([...args, ...options]);
    const line = await until("the lab listens", () => lab.child.said.split("\n")[0].endsWith("}") && lab.child.said.split("\n")[0]);
    Object.assign(lab, JSON.parse(line));
    return lab;
  }

  hop(server) {
    return `udp/${this.servers.find((it) => it.server === server).udp}`;
  }

  async ask(method, path, body) {
    const answer = await fetch(this.api + path, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  fault(server, fault) {
    return this.ask("POST", "/api/faults", { server, fault });
  }

  /** The contacts that a server has for a user now. */
  async bindings(server, user) {
    const all = await this.ask("GET", "/api/bindings");
    return all.filter((it) => it.server === server && it.aor.startsWith(`sip:${user}@`));
  }

  stop() {
    return stop(this.child, "SIGTERM");
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** A phone on real sockets, with its page on a port that stays the same over restarts. */
export class Phone {
  static async start(folder, lab, settings, options = []) {
    const phone = new Phone();
    phone.state = join(folder, "phone");
    phone.file = join(folder, "001565000001.cfg");
    phone.options = options;
    phone.lab = lab;
    const scheme = options.includes("--web-tls") ? "https" : "http";
    phone.base = `${scheme}://127.0.0.1:${await freePort()}`;
    await writeFile(phone.file, settings);
    await phone.run();
    return phone;
  }

  async run() {
    this.child = start([
      "run", this.file, "--sip", "127.0.0.1:0", "--dns", this.lab.dns, "--state", this.state,
      "--web", new URL(this.base).host, ...this.options,
    ]);
    await until("the phone serves its page", () => {
      if (this.child.exitCode !== null) throw new Error(this.child.said);
      return this.child.said.includes(`the web page is at ${this.base}/`);
    });
  }

  async status() {
    const control = JSON.parse(await readFile(join(this.state, "control.json"), "utf8"));
    const headers = { authorization: `Bearer ${control.token}` };
    return (await fetch(`${control.api}/api/status`, { headers })).json();
  }

  kill() {
    return stop(this.child, "SIGKILL");
  }

  stop() {
    return stop(this.child, "SIGTERM");
  }
}

/** A browser with an empty profile; what its console complains about is kept. */
export class Browser {
  static async open(options = {}) {
    const browser = new Browser();
    browser.profile = await mkdtemp(join(tmpdir(), "sureline-browser-"));
    browser.complaints = [];
    browser.context = await chromium.launchPersistentContext(browser.profile, {
      executablePath: CHROMIUM, headless: true, args: FLAGS, viewport: { width: 1360, height: 900 }, ...options,
    });
    browser.context.setDefaultTimeout(15_000);
    browser.page = browser.context.pages()[0] ?? await browser.context.newPage();
    browser.context.on("page", (page) => browser.listen(page));
    browser.listen(browser.page);
    return browser;
  }

  listen(page) {
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
  }

  async logIn(phone, password = "admin", user = "admin") {
    await this.page.goto(`${phone.base}/login`);
    await this.page.getByLabel("User name").fill(user);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Log in" }).click();
  }

  /** What the console said since the last time, without what a test has provoked. */
  complaintsBut(provoked) {
    return this.complaints.splice(0).filter((text) => !provoked.some((part) => text.includes(part)));
  }

  async close() {
    await this.context.close();
    await rm(this.profile, { recursive: true, force: true });
  }
}

/** A folder that is gone afterwards. */
export async function folder() {
  const path = await mkdtemp(join(tmpdir(), "sureline-page-"));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
