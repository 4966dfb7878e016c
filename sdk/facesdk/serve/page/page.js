"use strict";
const $ = (id) => document.getElementById(id);
const element = (tag, text = "", name = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name) made.className = name;
  return made;
};
const percent = (share) => share >= 0.1 ? `${(100 * share).toFixed(0)} %` : `${(100 * share).toPrecision(2)} %`;
const oneIn = (share) => share > 0 ? `1 in ${Math.round(1 / share).toLocaleString("en")}` : "never";
const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* The token comes in the address after #, which no server and no log sees, and stays in this browser. */
const KEY = "facesdk-token";
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  localStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname);
}

class Refused extends Error {
  constructor(problem) {
    super(problem.detail || "The service did not answer as it should.");
    this.problem = problem;
    this.kind = (problem.type || "").split(":").pop();
  }
}

async function ask(path, options = {}) {
  const headers = {};
  const token = localStorage.getItem(KEY);
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connected(false);
    throw new Refused({ detail: "The service cannot be reached." });
  }
  const record = await answer.json().catch(() => ({}));
  if (answer.ok) {
    connected(true);
    return record;
  }
  const refused = new Refused(record);
  if (refused.kind === "unauthorized") await login(token ? "This is not the token." : "");
  throw refused;
}

const form = (fields) => {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return { method: "POST", body: data };
};

let linked = null;
function connected(now) {
  if (linked === now) return;
  linked = now;
  $("connection").textContent = now ? "connected" : "not reachable";
  $("connection").className = `pill ${now ? "good" : "bad"}`;
}

let asking = null;
function login(words) {
  $("login-result").textContent = words;
  asking ||= new Promise((done) => {
    $("login").showModal();
    $("login").addEventListener("close", () => {
      localStorage.setItem(KEY, $("token").value.trim());
      asking = null;
      done();
    }, { once: true });
  });
  return asking;
}
$("login").addEventListener("cancel", (event) => event.preventDefault());

/* What the service has. */
let status = null, model = null, people = [];

/* Threshold: the model's own operating points, since a rate between them is not known. */
const FMR = "facesdk-fmr";
function point() {
  return model ? model.thresholds[Number($("threshold").value)] : null;
}
function showThreshold() {
  const now = point();
  if (!now) return;
  const templates = people.reduce((sum, person) => sum + person.templates, 0);
  const any = 1 - (1 - now.fmr) ** templates;
  $("similarity").textContent = now.similarity.toFixed(3);
  $("fmr").textContent = `${percent(now.fmr)} · ${oneIn(now.fmr)}`;
  $("fpir").textContent = templates ? `${percent(any)} · ${oneIn(any)}` : "–";
  $("threshold").setAttribute("aria-valuetext", `${now.similarity.toFixed(3)}, false match rate ${percent(now.fmr)}`);
  $("threshold-note").textContent = templates
    ? `FPIR = 1 − (1 − FMR)^${templates}, for ${templates} template${templates === 1 ? "" : "s"} of ${people.length} ${people.length === 1 ? "person" : "people"}.`
    : "FPIR is shown once somebody is enrolled.";
}
$("threshold").addEventListener("input", () => {
  localStorage.setItem(FMR, point().fmr);
  showThreshold();
  showFaces();
});
function offerThresholds() {
  const rows = [...model.thresholds].sort((a, b) => a.similarity - b.similarity);
  model.thresholds = rows;
  $("threshold").max = Math.max(0, rows.length - 1);
  $("threshold").disabled = rows.length < 2;
  const wanted = Number(localStorage.getItem(FMR)) || 1e-3;
  const place = rows.findIndex((row) => row.fmr === wanted);
  $("threshold").value = place < 0 ? 0 : place;
  showThreshold();
}

/* Faces in the picture, as boxes and as words. */
let faces = [], size = { width: 0, height: 0 };
function verdict(face) {
  if (!status || !status.gallery) return { kind: "undecided", name: "face", score: face.score };
  const decided = "verdict" in face ? face.verdict : face;
  if (!decided) return { kind: "undecided", name: "looking", score: null, why: face.reasons && face.reasons[0] };
  const needed = point() ? point().similarity : decided.threshold;
  const found = decided.candidates ? decided.candidates[0] : decided.person;
  if (found && decided.similarity >= needed) return { kind: "known", name: found.name, score: decided.similarity };
  return { kind: "unknown", name: "unknown", score: decided.similarity };
}
function placeOfLabel([x0, y0, x1, y1], width, shown, taken) {
  /* above or below the box, from its left or to its right: where it hides the least */
  let best = null, least = Infinity;
  for (const place of [[x0, y0 - 29], [x1 - width, y0 - 29], [x0, y1 + 5], [x1 - width, y1 + 5]]) {
    const x = Math.max(0, Math.min(place[0], shown.width - width)), y = Math.max(0, Math.min(place[1], shown.height - 25));
    const hidden = taken.reduce((sum, other) => sum
      + Math.max(0, Math.min(x + width, other[2]) - Math.max(x, other[0]))
      * Math.max(0, Math.min(y + 24, other[3]) - Math.max(y, other[1])), 0);
    if (hidden < least) [best, least] = [[x, y], hidden];
  }
  return best;
}
function showFaces() {
  const canvas = $("boxes"), shown = $("stage").getBoundingClientRect();
  const ratio = window.devicePixelRatio || 1;
  canvas.width = shown.width * ratio;
  canvas.height = shown.height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const verdicts = faces.map(verdict);
  if (size.width) {
    const scale = Math.min(shown.width / size.width, shown.height / size.height);
    const left = (shown.width - size.width * scale) / 2, top = (shown.height - size.height * scale) / 2;
    const style = getComputedStyle(document.documentElement);
    const boxes = faces.map((face) => face.box.map((value, axis) => value * scale + (axis % 2 ? top : left)));
    const taken = boxes.filter((_, index) => faces[index].found !== false);
    faces.forEach((face, index) => {
      if (face.found === false) return; /* it is where somebody should be, and may be hidden */
      const { kind, name, score } = verdicts[index];
      const box = boxes[index], [x0, y0, x1, y1] = box;
      pen.lineWidth = 2.5;
      pen.strokeStyle = style.getPropertyValue(`--${kind}`);
      pen.beginPath();
      pen.roundRect(x0, y0, x1 - x0, y1 - y0, 10);
      pen.stroke();
      const words = score === null ? name : `${name}  ${score.toFixed(2)}`;
      pen.font = "600 14px system-ui, sans-serif";
      const width = Math.min(pen.measureText(words).width + 18, shown.width);
      const [x, y] = placeOfLabel(box, width, shown, taken);
      taken.push([x, y, x + width, y + 24]);
      pen.fillStyle = "rgb(8 12 16 / 78%)";
      pen.beginPath();
      pen.roundRect(x, y, width, 24, 8);
      pen.fill();
      pen.fillStyle = "#fff";
      pen.fillText(words, x + 9, y + 17, width - 18);
    });
  }
  /* somebody who is hidden is still named, unless the same name is to be seen */
  const seen = new Set(verdicts.filter((_, index) => faces[index].found !== false).map(({ name }) => name));
  const named = verdicts.filter(({ name }, index) => faces[index].found !== false || !seen.has(name));
  $("faces").replaceChildren(...named.map(({ kind, name, score, why }) => {
    const row = element("li");
    row.append(element("b", name, kind));
    if (why) row.append(element("span", why, "why"));
    if (score !== null) row.append(element("span", score.toFixed(2), "number"));
    return row;
  }));
  const words = named.map(({ name }) => name).sort().join(", ") || (size.width ? "nobody" : "");
  if ($("spoken").textContent !== words) $("spoken").textContent = words;
}
new ResizeObserver(showFaces).observe($("stage"));

function showPicture(which) {
  if (which && !performance.getEntriesByName("first-picture").length) performance.mark("first-picture");
  $("stage").classList.toggle("empty", which === null);
  $("idle").hidden = which !== null;
  for (const id of ["video", "picture"]) $(id).hidden = id !== which;
}

/* Where the picture comes from. */
let source = null, running = null, camera = null, photo = null;
const canUseCamera = Boolean(navigator.mediaDevices && navigator.mediaDevices.getUserMedia);
const NO_CAMERA = isSecureContext
  ? "This browser has no camera for pages."
  : "A browser gives its camera to pages that came over https: or from the same computer only, and this one came "
    + `over http: from ${location.hostname}. Start the service with --tls, use its own camera (--source), or choose a photo.`;

function offerSources() {
  const [service, browser] = ["service", "browser"].map((value) => document.querySelector(`[name=source][value=${value}]`));
  service.disabled = !status.source;
  browser.disabled = !canUseCamera;
  if (!source) choose(status.source ? "service" : "photo");
  if (!canUseCamera) {
    $("no-camera").textContent = NO_CAMERA;
    $("no-camera").hidden = false;
  }
}
function choose(next) {
  source = next;
  document.querySelector(`[name=source][value=${next}]`).checked = true;
  if (running) running.abort();
  if (camera) camera.getTracks().forEach((track) => track.stop());
  camera = null;
  running = new AbortController();
  faces = [];
  size = { width: 0, height: 0 };
  showPicture(null);
  showFaces();
  $("open-photo").hidden = next !== "photo";
  const reason = canUseCamera ? "" : ` ${NO_CAMERA}`;
  const none = status && !status.source ? " The service was started without a camera of its own." : "";
  $("which").textContent = {
    service: `The picture is from the service’s own camera, ${status ? status.source : ""}.`,
    browser: "The picture is from this device’s camera. It is sent to the service, looked at, and not kept.",
    photo: `A photo is sent to the service, looked at, and not kept.${none}${reason}`,
  }[next];
  ({ service: watchService, browser: watchBrowser, photo: watchPhoto })[next](running.signal);
}
for (const radio of document.querySelectorAll("[name=source]")) {
  radio.addEventListener("change", () => choose(radio.value));
}

function idle(words) {
  showPicture(null);
  $("idle").textContent = words;
}

async function watchService(signal) {
  idle("Waiting for the first picture.");
  let after = -1;
  while (!signal.aborted) {
    try {
      const live = await ask(`/v1/live?after=${after}`, { signal });
      if (signal.aborted) return;
      if (live.picture) {
        after = live.number;
        $("picture").src = `data:image/jpeg;base64,${live.picture}`;
        await $("picture").decode().catch(() => {});
        if (signal.aborted) return;
        size = { width: live.width, height: live.height };
        faces = live.faces;
        showPicture("picture");
        showFaces();
      }
      if (live.state !== "live" && !live.picture) {
        $("which").textContent = live.message || `The service’s camera: ${live.state}.`;
        if (after < 0) idle(live.message || live.state);
        await pause(1000);
      }
    } catch (error) {
      if (error.name === "AbortError") return;
      idle(error.message);
      await pause(2000);
    }
  }
}

async function watchBrowser(signal) {
  idle("Waiting for the camera.");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 }, height: { ideal: 480 } } });
  } catch (error) {
    const words = { NotAllowedError: "The camera was not allowed.", NotFoundError: "This device has no camera." };
    idle(words[error.name] || `The camera cannot be used: ${error.message}`);
    return;
  }
  if (signal.aborted) {
    stream.getTracks().forEach((track) => track.stop());
    return;
  }
  camera = stream;
  $("video").srcObject = stream;
  await $("video").play().catch(() => {});
  showPicture("video");
  while (!signal.aborted) {
    const began = performance.now();
    try {
      await look(await grab($("video"), 640), signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.kind !== "busy") $("which").textContent = error.message;
    }
    await pause(Math.max(30, 150 - (performance.now() - began)));
  }
}

async function watchPhoto(signal) {
  if (!photo) {
    idle("Choose a photo to see who is in it.");
    return;
  }
  $("picture").src = URL.createObjectURL(photo);
  try {
    await $("picture").decode();
    showPicture("picture");
    const small = await grab($("picture"), 1280);
    await look(small, signal);
    if (!faces.length) $("which").textContent = "No face was found in this photo.";
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error.name === "EncodingError") idle("This file is not a picture that the browser can show.");
    else $("which").textContent = error.message;
  }
}
$("open-photo").addEventListener("click", () => $("photo-file").click());
$("photo-file").addEventListener("change", () => {
  photo = $("photo-file").files[0] || photo;
  $("photo-file").value = "";
  choose("photo");
});

/* A picture as a JPEG, its longer side reduced, so that little is sent. */
function grab(from, longest) {
  const width = from.videoWidth || from.naturalWidth, height = from.videoHeight || from.naturalHeight;
  const scale = Math.min(1, longest / Math.max(width, height, 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d").drawImage(from, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
}

async function look(blob, signal) {
  const path = status && status.gallery ? "/v1/identify" : "/v1/detect";
  const found = await ask(path, { ...form({ photo: blob }), signal });
  if (signal.aborted) return;
  size = { width: found.width, height: found.height };
  faces = found.faces;
  showFaces();
  if (source === "browser") recordVisits();
}

/* Visits: those that the service's camera saw, or that this page saw with its own. */
let visits = [];
const GONE_MS = 4000;
function recordVisits() {
  if (!status.gallery) return;
  const now = Date.now();
  for (const face of faces) {
    const { name, kind } = verdict(face);
    const open = visits.find((visit) => visit.name === name && now - visit.last < GONE_MS);
    if (open) open.last = now;
    else visits.unshift({ name, kind, at: now, last: now });
  }
  visits = visits.slice(0, 200);
  showVisits(visits.map((visit) => ({ ...visit, seconds: (visit.last - visit.at) / 1000, present: now - visit.last < GONE_MS })));
}
function showVisits(rows) {
  $("no-visits").hidden = rows.length > 0;
  $("visits").replaceChildren(...rows.map((visit) => {
    const row = element("li");
    const seconds = Math.round(visit.seconds);
    const long = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    row.append(element("time", clock(visit.at), "number"), element("b", visit.name, visit.kind),
      element("span", visit.present ? "here" : long, "number"));
    row.firstChild.dateTime = new Date(visit.at).toISOString();
    return row;
  }));
}
async function loadVisits() {
  if (source !== "service" || !status.source) return;
  const record = await ask("/v1/visits");
  showVisits(record.visits.map((visit) => ({ ...visit, ...verdict(visit) })));
}

/* People. */
async function loadPeople() {
  $("add").disabled = !status.gallery;
  $("no-people").textContent = status.gallery ? "Nobody is enrolled yet." : "The service has no gallery: start it with --gallery FILE.";
  people = status.gallery ? (await ask("/v1/people")).people : [];
  $("no-people").hidden = people.length > 0;
  $("people").replaceChildren(...people.map((person) => {
    const row = element("li"), who = element("div", "", "who"), forget = element("button", "Forget", "quiet");
    const mark = element("span", [...person.name][0].toUpperCase(), "initial");
    mark.ariaHidden = "true";
    const expires = person.expires ? `, until ${new Date(person.expires).toLocaleDateString()}` : "";
    who.append(element("b", person.name), element("span",
      `${person.templates} photo${person.templates === 1 ? "" : "s"}, since ${new Date(person.created).toLocaleDateString()}${expires}`, "dim"));
    forget.type = "button";
    forget.ariaLabel = `Forget ${person.name}`;
    forget.addEventListener("click", () => askForget(person));
    row.append(mark, who, forget);
    return row;
  }));
  showThreshold();
}
function askForget(person) {
  $("forget-text").textContent = `All that is stored of ${person.name} is erased. It cannot be undone.`;
  $("forget").returnValue = "no";
  $("forget").addEventListener("close", async () => {
    if ($("forget").returnValue !== "yes") return;
    try {
      await ask(`/v1/people/${encodeURIComponent(person.id)}`, { method: "DELETE" });
      announce(`${person.name} is forgotten.`);
    } catch (error) {
      announce(error.message);
    }
    await loadPeople();
    $("add").focus();
  }, { once: true });
  $("forget").showModal();
}
function announce(words) {
  $("connection").textContent = words;
  linked = null;
}

/* Enrolment. */
let taken = null;
function preview(blob) {
  taken = blob;
  $("preview").classList.toggle("empty", !blob);
  $("preview-picture").hidden = !blob;
  if (blob) $("preview-picture").src = URL.createObjectURL(blob);
  $("preview-picture").alt = blob ? "The picture to be enrolled" : "";
  ready();
}
function ready() {
  $("enrol-send").disabled = !taken || !$("name").value.trim();
}
$("name").addEventListener("input", ready);
$("add").addEventListener("click", () => {
  $("name").value = "";
  $("enrol-result").replaceChildren();
  preview(null);
  $("take").disabled = !canUseCamera && $("picture").hidden && $("video").hidden;
  $("enrol").showModal();
  $("name").focus();
});
$("enrol-close").addEventListener("click", () => $("enrol").close());
$("take").addEventListener("click", async () => {
  const from = source === "service" ? $("picture") : $("video");
  if (from.hidden && canUseCamera) {
    choose("browser");
    for (let tries = 0; tries < 100 && !$("video").videoWidth; tries++) await pause(50);
    preview($("video").videoWidth ? await grab($("video"), 1280) : null);
  } else if (!from.hidden) {
    preview(await grab(from, 1280));
  }
  if (!taken) outcome("refused", "There is no picture to take: choose a photo.");
});
$("choose").addEventListener("click", () => $("enrol-file").click());
$("enrol-file").addEventListener("change", () => {
  if ($("enrol-file").files[0]) preview($("enrol-file").files[0]);
  $("enrol-file").value = "";
  $("enrol-result").replaceChildren();
});
function outcome(kind, words, reasons = []) {
  const list = element("ul");
  list.append(...reasons.map((reason) => element("li", reason)));
  $("enrol-result").replaceChildren(element("p", words, kind), ...(reasons.length ? [list] : []));
}
$("enrol-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!taken) return;
  const name = $("name").value.trim();
  $("enrol-send").disabled = true;
  outcome("dim", "Looking at the picture.");
  try {
    const record = await ask("/v1/people", form({ name, photo: taken }));
    preview(null);
    outcome("accepted", `${name} is enrolled, quality ${record.quality_score.toFixed(2)}. Another photo helps.`, record.warnings);
    await loadPeople();
  } catch (error) {
    outcome("refused", error.problem && error.problem.reasons ? "This picture is not good enough." : error.message,
      (error.problem && error.problem.reasons) || []);
  }
  ready();
});

/* Charts. */
const KEPT = 60, STAGES = ["detect", "embed", "decode", "identify", "look", "track", "frame"], COLOURS = 4;
const history_ = [];
const SVG = "http://www.w3.org/2000/svg";
function draw(chart, lines, height) {
  const values = lines.flatMap(({ points }) => points).filter((value) => value !== null);
  chart.replaceChildren();
  if (!values.length) return;
  const top = Math.max(...values) * 1.15 || 1;
  for (const { points, name } of lines) {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("class", name);
    line.setAttribute("points", points.map((value, index) => value === null ? "" :
      `${320 - (points.length - 1 - index) * (320 / (KEPT - 1))},${height - 2 - (value / top) * (height - 6)}`).join(" "));
    chart.append(line);
  }
}
function showStatus() {
  history_.push(status);
  if (history_.length > KEPT) history_.shift();
  const known = STAGES.filter((stage) => status.latencies_ms[stage]).slice(0, COLOURS);
  draw($("latency-chart"), known.map((stage) => ({
    name: `s${known.indexOf(stage)}`,
    points: history_.map((row) => row.latencies_ms[stage] ? row.latencies_ms[stage].median : null),
  })), 96);
  $("latencies").replaceChildren(...known.map((stage) => {
    const row = element("li", `${stage} `, `s${known.indexOf(stage)}`), times = status.latencies_ms[stage];
    row.append(element("span", `${times.median.toFixed(1)}${times.p99 === null ? "" : `, p99 ${times.p99.toFixed(1)}`}`));
    return row;
  }));
  if (!known.length) $("latencies").replaceChildren(element("li", "no photo has been looked at yet"));
  draw($("temperature-chart"), [{ name: "s1", points: history_.map((row) => row.temperature_c) }], 64);
  const heat = status.temperature_c, slowed = status.throttled.length ? `, slowed down: ${status.throttled.join(", ")}` : "";
  $("temperature").textContent = heat === null ? "This board does not tell its temperature." : `${heat.toFixed(1)} °C${slowed}`;
  $("temperature-chart").toggleAttribute("hidden", heat === null);
  const up = status.uptime_s, memory = status.memory_mb === null ? "" : ` · ${status.memory_mb.toFixed(0)} MB`;
  $("service-facts").textContent = `facesdk ${status.version} · ${model ? model.model : ""} · up ${up < 3600 ? `${Math.round(up / 60)} min` : `${(up / 3600).toFixed(1)} h`}${memory}`;
}

async function insist(work) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      await pause(error.kind === "unauthorized" ? 0 : 2000);
    }
  }
}

async function start() {
  status = await insist(() => ask("/v1/status"));
  offerSources();
  showStatus();
  await Promise.all([
    insist(async () => {
      model = await ask("/v1/models");
      offerThresholds();
    }),
    insist(loadPeople),
  ]);
  showFaces();
  for (;;) {
    await pause(document.hidden ? 10000 : 2000);
    try {
      status = await ask("/v1/status");
      showStatus();
      await loadVisits();
    } catch (error) {
      connected(false);
    }
  }
}
start();
