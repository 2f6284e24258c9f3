// A recording to look at and to listen to: spectrogram, detections and player move together.
//
// The sound is played by the page's own audio element, which stands in the container named in
// `data.player`. What is shown lies in `data`; a stretch that the reader turns to is told by the
// state `view`, and comes back drawn finer. All text is set as text, never as HTML.

const TICKS = 6; // as many times as stand side by side on a phone
const STEPS_S = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
const NARROWEST_S = 0.5;
const DRAGGED_PX = 6; // what moves less was a click
const NEAR = 1 / 300; // of the width: detections nearer than that are drawn as one

function clock(seconds, step) {
  if (step < 1) return `${seconds.toFixed(step < 0.1 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = parts.map((part) => String(part).padStart(2, "0"));
  if (parts[0]) return `${parts[0]}:${padded[1]}:${padded[2]}`;
  return `${parts[1]}:${padded[2]}`;
}

function element(kind, name, parent, text) {
  const made = document.createElement(kind);
  made.className = name;
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

class SoundFigure {
  constructor(root) {
    this.root = root;
    this.view = null; // seconds, or null for all of it
    this.stopAt = null;
    this.build();
    this.frame = () => {
      this.followSound();
      this.ticking = requestAnimationFrame(this.frame);
    };
    this.ticking = requestAnimationFrame(this.frame);
  }

  build() {
    const place = this.root.querySelector(".figure");
    place.replaceChildren();
    const tools = element("div", "tools", place);
    const button = (label, text, act) => {
      const made = element("button", "tool", tools, text);
      made.type = "button";
      made.title = label;
      made.setAttribute("aria-label", label);
      made.addEventListener("click", act);
      return made;
    };
    this.playButton = button("Play", "▶", () => this.toggle());
    this.time = element("span", "time", tools);
    element("span", "space", tools);
    button("Zoom in", "+", () => this.zoom(0.5));
    button("Zoom out", "−", () => this.zoom(2));
    this.earlier = button("Earlier", "‹", () => this.move(-0.5));
    this.later = button("Later", "›", () => this.move(0.5));
    this.whole = button("Show the whole recording", "Whole", () => this.show(null));

    const plot = element("div", "plot", place);
    this.axis = element("div", "khz", plot);
    this.axis.setAttribute("aria-hidden", "true");
    this.stage = element("div", "stage", plot);
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "slider");
    this.image = element("img", "image", this.stage);
    this.marks = element("div", "marks", this.stage);
    this.selection = element("div", "selection", this.stage);
    this.playhead = element("div", "playhead", this.stage);
    this.times = element("div", "times", place);
    this.times.setAttribute("aria-hidden", "true");
    this.lanes = element("div", "lanes", place);
    this.listenToStage();
  }

  listenToStage() {
    const at = (event) => {
      const box = this.stage.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const [start, end] = this.shown();
      return start + share * (end - start);
    };
    let from = null;
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      from = { x: event.clientX, time: at(event) };
      this.stage.setPointerCapture(event.pointerId);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (!from || Math.abs(event.clientX - from.x) < DRAGGED_PX) return;
      const [a, b] = [from.time, at(event)].sort((one, other) => one - other);
      this.span(this.selection, a, b);
      this.selection.style.display = "block";
    });
    this.stage.addEventListener("pointerup", (event) => {
      if (!from) return;
      const [a, b] = [from.time, at(event)].sort((one, other) => one - other);
      if (Math.abs(event.clientX - from.x) >= DRAGGED_PX) {
        this.show([a, b]);
        this.dragged = true;
      }
      from = null;
      this.selection.style.display = "none";
    });
    this.stage.addEventListener("pointercancel", () => {
      from = null;
      this.selection.style.display = "none";
    });
    this.stage.addEventListener("click", (event) => {
      if (this.dragged) {
        this.dragged = false;
        return;
      }
      const time = at(event);
      const found = this.data.lanes
        .flatMap((lane) => lane.detections)
        .find((each) => each.start_s <= time && time <= each.end_s);
      if (found) this.play(found.start_s, found.end_s);
      else this.play(time, null);
    });
    this.stage.addEventListener("keydown", (event) => {
      const [start, end] = this.shown();
      const step = (end - start) / 20;
      const acts = {
        ArrowLeft: () => this.seek((this.sound()?.currentTime ?? 0) - step),
        ArrowRight: () => this.seek((this.sound()?.currentTime ?? 0) + step),
        Home: () => this.seek(0),
        End: () => this.seek(this.data.duration_s),
        " ": () => this.toggle(),
        Enter: () => this.toggle(),
        "+": () => this.zoom(0.5),
        "-": () => this.zoom(2),
        0: () => this.show(null),
      };
      if (!acts[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      acts[event.key]();
    });
  }

  // What is told from outside: draw it, and keep the stretch that is looked at.
  update(data, setView) {
    if (this.data?.recording !== data.recording) this.view = data.view;
    this.data = data;
    this.setView = setView;
    this.draw();
  }

  shown() {
    return this.view ?? [0, this.data.duration_s];
  }

  sound() {
    return document.querySelector(`.st-key-${this.data.player} audio`);
  }

  show(view) {
    const all = this.data.duration_s;
    if (view) {
      const width = Math.min(all, Math.max(NARROWEST_S, view[1] - view[0]));
      const middle = (view[0] + view[1]) / 2;
      const start = Math.min(all - width, Math.max(0, middle - width / 2));
      view = width >= 0.999 * all ? null : [start, start + width];
    }
    this.view = view;
    this.draw();
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.setView(view), 250);
  }

  zoom(factor) {
    const [start, end] = this.shown();
    const now = this.sound()?.currentTime ?? 0;
    const middle = start < now && now < end ? now : (start + end) / 2;
    const half = ((end - start) * factor) / 2;
    this.show([middle - half, middle + half]);
  }

  move(share) {
    const [start, end] = this.shown();
    const by = share * (end - start);
    this.show([start + by, end + by]);
  }

  seek(time) {
    const sound = this.sound();
    if (!sound) return;
    this.stopAt = null;
    sound.currentTime = Math.min(this.data.duration_s, Math.max(0, time));
  }

  play(start, end) {
    const sound = this.sound();
    if (!sound) return;
    this.seek(start);
    this.stopAt = end;
    sound.play().catch(() => {}); // a browser that cannot play it says so in its own controls
  }

  toggle() {
    const sound = this.sound();
    if (!sound) return;
    this.stopAt = null;
    if (sound.paused) sound.play().catch(() => {});
    else sound.pause();
  }

  followSound() {
    const sound = this.data && this.sound();
    if (!sound) return;
    const now = sound.currentTime;
    if (this.stopAt !== null && now >= this.stopAt) {
      sound.pause();
      this.stopAt = null;
    }
    const [start, end] = this.shown();
    const share = (now - start) / (end - start);
    this.playhead.style.left = `${100 * share}%`;
    this.playhead.style.display = share >= 0 && share <= 1 ? "block" : "none";
    const playing = !sound.paused;
    if (playing !== this.wasPlaying) {
      this.wasPlaying = playing;
      this.playButton.textContent = playing ? "❚❚" : "▶";
      const label = playing ? "Pause" : "Play";
      this.playButton.title = label;
      this.playButton.setAttribute("aria-label", label);
    }
    const step = this.data.duration_s < 120 ? 0.1 : 1;
    const words = `${clock(now, step)} of ${clock(this.data.duration_s, step)}`;
    if (this.time.textContent !== words) {
      this.time.textContent = words;
      this.stage.setAttribute("aria-valuenow", now.toFixed(1));
      this.stage.setAttribute("aria-valuetext", words);
    }
  }

  span(mark, a, b) {
    const [start, end] = this.shown();
    const left = Math.max(0, (a - start) / (end - start));
    const right = Math.min(1, (b - start) / (end - start));
    mark.style.left = `${100 * left}%`;
    mark.style.width = `${Math.max(0, 100 * (right - left))}%`;
    return left < 1 && right > 0;
  }

  draw() {
    const data = this.data;
    const [start, end] = this.shown();
    this.stage.setAttribute("aria-label", data.label);
    this.stage.setAttribute("aria-valuemin", 0);
    this.stage.setAttribute("aria-valuemax", data.duration_s.toFixed(1));
    this.image.alt = data.label;
    this.image.draggable = false;
    if (this.image.src !== data.image) this.image.src = data.image;
    // The image may show another stretch than is looked at, until the finer one has come.
    const scale = (data.image_end_s - data.image_start_s) / (end - start);
    this.image.style.width = `${100 * scale}%`;
    this.image.style.left = `${(100 * (data.image_start_s - start)) / (end - start)}%`;
    this.axis.replaceChildren();
    for (const tick of data.khz) {
      element("div", "tick", this.axis, tick.label).style.bottom = `${100 * tick.height}%`;
    }
    this.drawTimes(start, end);
    this.drawLanes(start, end);
    const zoomed = this.view !== null;
    for (const tool of [this.earlier, this.later, this.whole]) tool.disabled = !zoomed;
  }

  drawTimes(start, end) {
    const step = STEPS_S.find((each) => (end - start) / each <= TICKS) ?? (end - start) / TICKS;
    this.times.replaceChildren();
    for (let i = Math.ceil(start / step - 1e-9); i * step <= end + 1e-9; i++) {
      const share = (i * step - start) / (end - start);
      const unit = this.data.duration_s < 120 ? Math.min(step, 0.5) : step;
      const tick = element("div", "tick", this.times, clock(i * step, unit));
      tick.style.left = `${100 * share}%`;
      // The first and the last stay inside the figure.
      tick.style.transform = `translateX(${share < 0.03 ? 0 : share > 0.97 ? -100 : -50}%)`;
    }
  }

  drawLanes(start, end) {
    const near = NEAR * (end - start);
    this.marks.replaceChildren();
    const focused = this.root.activeElement?.dataset?.detection;
    this.lanes.replaceChildren();
    if (!this.data.lanes.length) element("div", "nothing", this.lanes, "No detections.");
    for (const [number, lane] of this.data.lanes.entries()) {
      const title = element("div", "title", this.lanes);
      element("span", lane.italic ? "taxon italic" : "taxon", title, lane.taxon);
      element("span", "words", title, lane.words);
      const track = element("div", "track", this.lanes);
      const runs = [];
      for (const found of lane.detections) {
        const last = runs.at(-1);
        if (last && found.start_s - last.end_s < near) {
          last.end_s = Math.max(last.end_s, found.end_s);
          last.n += 1;
        } else runs.push({ ...found, n: 1 });
      }
      for (const [place, run] of runs.entries()) {
        if (run.end_s < start || run.start_s > end) continue;
        const mark = element("div", "mark", this.marks);
        mark.style.setProperty("--lane", lane.colour);
        this.span(mark, run.start_s, run.end_s);
        const bar = element("button", "bar", track);
        bar.type = "button";
        bar.dataset.detection = `${number}-${place}`;
        bar.style.setProperty("--lane", lane.colour);
        this.span(bar, run.start_s, run.end_s);
        const what = run.n > 1 ? `${run.n} detections` : run.words;
        const step = this.data.duration_s < 120 ? 0.1 : 1;
        const when = `${clock(run.start_s, step)} to ${clock(run.end_s, step)}`;
        bar.title = `${lane.taxon}: ${what}, ${when}`;
        bar.setAttribute("aria-label", `Play ${lane.taxon}, ${what}, ${when}`);
        bar.addEventListener("click", () => this.play(run.start_s, run.end_s));
        if (bar.dataset.detection === focused) bar.focus();
      }
    }
  }

  close() {
    cancelAnimationFrame(this.ticking);
    clearTimeout(this.asking);
  }
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  parentElement.soundFigure ??= new SoundFigure(parentElement);
  parentElement.soundFigure.update(data, (view) => setStateValue("view", view));
  return () => {
    parentElement.soundFigure?.close();
    delete parentElement.soundFigure;
  };
}
