"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const items = [...document.querySelectorAll("ol.evidence > .s")];
  const texts = items.map((item) => item.textContent.toLowerCase());
  const fields = ["g", "l", "v", "h", "c"].filter((field) => $("f-" + field));
  const wanted = () => [...document.querySelectorAll(".controls select, .controls input")].filter((f) => f.value);
  const has = (list, one) => (" " + list + " ").includes(" " + one + " ");

  function fits(item, text, want) {
    const d = item.dataset;
    // A codebook without voices, hedges or sources has no field for them.
    if (want.g !== "" && d.g !== want.g) return false;
    if (want.l !== "" || want.v !== "") {
      const pairs = d.f ? d.f.split(" ") : [];
      if (!pairs.some((pair) => {
        const [l, v] = pair.split(".");
        return (want.l === "" || l === want.l) && (want.v === "" || v === want.v);
      })) return false;
    }
    if (want.h === "any" ? d.hedged !== "1" : want.h !== "" && !has(d.h, want.h)) return false;
    if (want.c !== "" && !has(d.c, want.c)) return false;
    if (want.since && (!d.d || d.d < want.since)) return false;
    if (want.until && (!d.d || d.d > want.until)) return false;
    return want.text === "" || text.includes(want.text);
  }

  function counted(want) {
    if (want.l === "" || want.h !== "" || want.c !== "" || want.since || want.until || want.text) return "";
    let sum = 0;
    data.counts.forEach((labels, g) => {
      if (want.g !== "" && g !== +want.g) return;
      labels[+want.l].forEach((n, v) => { if (want.v === "" || v === +want.v) sum += n; });
    });
    return " The figures count " + sum.toLocaleString("en") + " such mentions.";
  }

  function filter() {
    const want = { g: "", l: "", v: "", h: "", c: "", text: $("f-text").value.trim().toLowerCase(), since: $("f-since").value, until: $("f-until").value };
    for (const field of fields) want[field] = $("f-" + field).value;
    let shown = 0;
    items.forEach((item, n) => {
      const fit = fits(item, texts[n], want);
      item.hidden = !fit;
      shown += fit;
    });
    const told = wanted().map((field) => field.labels[0].textContent + ": " +
      (field.selectedOptions ? field.selectedOptions[0].textContent : field.value));
    $("shown").textContent = shown.toLocaleString("en") + " of " + items.length.toLocaleString("en") +
      " sampled sentences are shown" + (told.length ? " (" + told.join("; ") + ")." : ".") + counted(want);
  }

  function reset() {
    for (const field of fields) $("f-" + field).value = "";
    for (const name of ["text", "since", "until"]) $("f-" + name).value = "";
  }

  for (const element of document.querySelectorAll(".controls select, .controls input")) {
    element.addEventListener("input", filter);
  }
  $("reset").addEventListener("click", () => { reset(); filter(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-e]");
    if (!link) return;
    event.preventDefault();
    reset();
    for (const field of fields) {
      const value = link.getAttribute("data-" + field);
      if (value !== null) $("f-" + field).value = value;
    }
    $("f-since").value = link.getAttribute("data-since") || "";
    $("f-until").value = link.getAttribute("data-until") || "";
    filter();
    $("evidence").scrollIntoView();
    $("shown").focus({ preventScroll: true });
  });

  // The drawings of a chart, one under the other, as one file.
  function drawing(figure) {
    const all = [...figure.querySelectorAll("svg")], whole = all[0].cloneNode(false);
    let height = 0;
    for (const one of all) {
      const part = one.cloneNode(true);
      part.setAttribute("y", height);
      height += +one.getAttribute("height");
      whole.append(part);
    }
    whole.setAttribute("height", height);
    whole.setAttribute("viewBox", "0 0 " + whole.getAttribute("width") + " " + height);
    for (const name of ["aria-labelledby", "aria-describedby"]) whole.removeAttribute(name);
    return new XMLSerializer().serializeToString(whole);
  }
  for (const link of document.querySelectorAll("a[data-svg]")) {
    link.href = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(drawing(link.closest("figure")));
    link.hidden = false;
  }

  // --- documents to check: the marked form is that of framing.markup ---
  function run(text, pattern, escaped) {
    return text.replace(pattern, (all, slashes) => slashes + slashes + "\\" + escaped);
  }
  function written(text, before) {
    const opening = before === "["
      ? /(\\*)\[(?=\[(?:\[\[)*(?!\[|$)|(?:\[\[)*$)/g
      : /(\\*)\[(?=\[(?:\[\[)*(?!\[))/g;
    text = run(text, opening, "[");
    text = run(text, /(\\*)\](?=\](?:\]\])*(?!\]))/g, "]");
    if (before === "|") text = run(text, /(\\*)\|/g, "|");
    return before ? text.replace(/\\+$/, (all) => all + all) : text;
  }
  function marked(sentence) {
    const points = [...sentence.text];
    const part = (a, b) => points.slice(a, b).join("");
    let out = "", end = 0;
    const kept = sentence.spans.filter((span) => span[3] !== "wrong").sort((a, b) => a[0] - b[0]);
    for (const [start, stop, tags] of kept) {
      out += written(part(end, start), "[") + "[[" + written(part(start, stop), "|") + "|" + tags + "]]";
      end = stop;
    }
    return out + written(part(end, points.length), "");
  }
  window.framingMarked = marked;

  const make = (name, text, parent) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };
  const checked = new Set();

  function judge(span, sentence, parent) {
    const box = make("span", "", parent);
    box.className = "judge";
    make("q", [...sentence.text].slice(span[0], span[1]).join(""), box).dir = "auto";
    make("span", span[2], box);
    const buttons = ["right", "wrong"].map((word) => {
      const button = make("button", word, box);
      button.type = "button";
      button.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-label", word + ": “" + box.firstChild.textContent + "”, " + span[2]);
      button.addEventListener("click", () => {
        span[3] = span[3] === word ? "" : word;
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other.textContent === span[3])));
        box.classList.toggle("wrong", span[3] === "wrong");
        told();
      });
      return button;
    });
  }

  function missing(sentence, parent, list) {
    const words = make("input", "", parent), tag = $("tags").cloneNode(true);
    words.setAttribute("aria-label", "words of the sentence that lack a mark");
    words.placeholder = "missing: words as they stand";
    words.size = 22;
    tag.removeAttribute("id");
    tag.hidden = false;
    tag.setAttribute("aria-label", "what they are to be marked as");
    parent.append(" ", tag, " ");
    const add = make("button", "add", parent), said = make("span", "", parent);
    add.type = "button";
    said.setAttribute("role", "status");
    add.addEventListener("click", () => {
      const found = words.value ? sentence.text.indexOf(words.value) : -1;
      const start = found < 0 ? -1 : [...sentence.text.slice(0, found)].length;
      const end = start + [...words.value].length;
      const over = sentence.spans.some((s) => s[3] !== "wrong" && s[0] < end && start < s[1]);
      said.textContent = start < 0 ? " These words are not in the sentence."
        : over ? " Another mark is there: say that it is wrong first." : "";
      if (start < 0 || over) return;
      const span = [start, end, tag.value, "right"];
      sentence.spans.push(span);
      judge(span, sentence, list);
      list.lastChild.querySelector("button").setAttribute("aria-pressed", "true");
      words.value = "";
      told();
    });
  }

  function leading() {
    const open = new Set(), kept = [];
    data.check.forEach((document, n) => {
      if (!checked.has(n)) open.add(document.group);
      if (!open.has(document.group)) kept.push(document);
    });
    return kept;
  }

  function told() {
    const kept = leading();
    $("checked").textContent = kept.length + " of " + data.check.length + " documents are checked in order.";
    const lines = [];
    for (const document of kept) {
      for (const s of document.sentences) {
        lines.push([s.id, document.outlet, document.document, s.kind, marked(s)].join("\t") + "\n");
      }
    }
    const link = $("gold");
    link.href = "data:text/tab-separated-values;charset=utf-8," + encodeURIComponent(lines.join(""));
    link.hidden = !kept.length;
  }

  if ($("check-list")) {
    data.check.forEach((document_, n) => {
      const box = make("details", "", $("check-list"));
      box.className = "check";
      make("summary", data.groups[document_.group] + " – " + document_.document, box);
      for (const sentence of document_.sentences) {
        const one = make("div", "", box);
        one.className = "one";
        const text = make("p", sentence.text, one);
        text.dir = "auto";
        const list = make("div", "", one);
        for (const span of sentence.spans) { span[3] = ""; judge(span, sentence, list); }
        missing(sentence, make("div", "", one), list);
      }
      const label = make("label", "", make("p", "", box)), tick = make("input", "", label);
      tick.type = "checkbox";
      label.append(" I have read every sentence: what is wrong is marked so, and what was missing is added.");
      tick.addEventListener("change", () => {
        if (tick.checked) checked.add(n); else checked.delete(n);
        told();
      });
    });
    told();
  }
  filter();
  for (const element of document.querySelectorAll(".js")) element.hidden = false;
})();
