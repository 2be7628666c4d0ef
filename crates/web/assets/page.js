// What the page does beyond links and forms: countdowns, the lost connection, open messages.
(() => {
  "use strict";

  const second = 1000;
  let drawnAt = performance.now();

  // As the server words it: 7.5 s, 51 s, 5 min, 2 h 10 min.
  function span(seconds) {
    if (seconds < 0.1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    if (seconds < 119.5) return `${Math.round(seconds)} s`;
    const minutes = Math.round(seconds / 60);
    const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
    if (hours === 0) return `${minutes} min`;
    return rest === 0 ? `${hours} h` : `${hours} h ${rest} min`;
  }

  function say(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function tick() {
    const age = Number(document.getElementById("drawn")?.dataset.age ?? 0);
    const passed = age + (performance.now() - drawnAt) / second;
    for (const element of document.querySelectorAll("[data-in]")) {
      const left = Number(element.dataset.in) - passed;
      const text = left > 0 ? span(left) : "any moment";
      say(element, "bare" in element.dataset || left <= 0 ? text : `in ${text}`);
    }
    for (const element of document.querySelectorAll("[data-ago]")) {
      say(element, `${span(Number(element.dataset.ago) + passed)} ago`);
    }
    for (const element of document.querySelectorAll("[data-for]")) {
      say(element, `for ${span(Number(element.dataset.for) + passed)}`);
    }
    for (const element of document.querySelectorAll("[data-bar]")) {
      element.setAttribute("width", Math.max(0, Number(element.dataset.bar) - passed));
    }
    if (document.body.classList.contains("lost")) {
      const lost = document.getElementById("lost-since");
      if (lost) say(lost, span(passed));
    }
  }

  function drawn() {
    drawnAt = performance.now();
    tick();
  }

  function lost(is) {
    document.body.classList.toggle("lost", is);
    const banner = document.getElementById("lost");
    if (banner) banner.hidden = !is;
  }

  document.addEventListener("htmx:after:swap", drawn);
  document.addEventListener("htmx:sse:after:message", () => { lost(false); drawn(); });
  document.addEventListener("htmx:sse:error", (event) => {
    // Logged out meanwhile: the log-in comes back here afterwards.
    if (event.detail?.status === 401) location.reload();
    lost(true);
  });

  function reveal(message) {
    message.open = true;
    message.parentElement.closest("details").open = true;
  }

  // A message that is pointed at is opened.
  function open() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) reveal(target);
  }
  addEventListener("hashchange", open);

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href^='#message-']");
    if (!link) return;
    const target = document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    reveal(target);
    target.querySelector("summary").focus();
    target.scrollIntoView({ block: "nearest" });
  });

  // One help at a time, closed by Escape.
  document.addEventListener("toggle", (event) => {
    if (!event.target.matches?.("details.help") || !event.target.open) return;
    for (const other of document.querySelectorAll("details.help[open]")) {
      if (other !== event.target) other.open = false;
    }
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const help = document.querySelector("details.help[open]");
    if (!help) return;
    help.open = false;
    help.querySelector("summary").focus();
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const choice of document.querySelectorAll("[data-submits]")) {
      choice.addEventListener("change", () => choice.form.submit());
      choice.form.querySelector("button").hidden = true;
    }
    open();
    drawn();
    setInterval(tick, 100);
  });
})();
