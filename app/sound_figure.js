// The figure of a recording: spectrogram, detections and playhead, linked to the audio player.
//
// The audio element of the page plays the sound; `data.player` names its container. The state
// `visible` sends the visible range to Python, which returns a finer image of it in `data`.
// All text is set as text, never as HTML.

const MAX_TICKS = 6; // time labels that fit side by side on a phone
const STEPS_S = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
const MIN_RANGE_S = 0.5;
const MIN_DRAG_PX = 6; // a shorter movement is a click
const MIN_GAP = 1 / 300; // share of the width; closer detections are drawn as one

function formatTime(seconds, step) {
  if (step < 1) return `${seconds.toFixed(step < 0.1 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = parts.map((part) => String(part).padStart(2, "0"));
  if (parts[0]) return `${parts[0]}:${padded[1]}:${padded[2]}`;
  return `${parts[1]}:${padded[2]}`;
}

function addElement(tag, className, parent, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

class SoundFigure {
  constructor(root) {
    this.root = root;
    this.visible = null; // start and end in seconds, or null for the whole recording
    this.stopAt = null;
    this.build();
    this.frame = () => {
      this.followSound();
      this.ticking = requestAnimationFrame(this.frame);
    };
    this.ticking = requestAnimationFrame(this.frame);
  }

  build() {
    const figure = this.root.querySelector(".figure");
    figure.replaceChildren();
    const tools = addElement("div", "tools", figure);
    const addButton = (label, text, action) => {
      const button = addElement("button", "tool", tools, text);
      button.type = "button";
      button.title = label;
      button.setAttribute("aria-label", label);
      button.addEventListener("click", action);
      return button;
    };
    this.playButton = addButton("Play", "▶", () => this.toggle());
    this.time = addElement("span", "time", tools);
    addElement("span", "space", tools);
    addButton("Zoom in", "+", () => this.zoom(0.5));
    addButton("Zoom out", "−", () => this.zoom(2));
    this.earlier = addButton("Earlier", "‹", () => this.move(-0.5));
    this.later = addButton("Later", "›", () => this.move(0.5));
    this.whole = addButton("Show the whole recording", "Whole", () => this.show(null));

    const plot = addElement("div", "plot", figure);
    this.axis = addElement("div", "khz", plot);
    this.axis.setAttribute("aria-hidden", "true");
    this.stage = addElement("div", "stage", plot);
    this.stage.tabIndex = 0;
    this.stage.setAttribute("role", "slider");
    this.image = addElement("img", "image", this.stage);
    this.marks = addElement("div", "marks", this.stage);
    this.selection = addElement("div", "selection", this.stage);
    this.playhead = addElement("div", "playhead", this.stage);
    this.times = addElement("div", "times", figure);
    this.times.setAttribute("aria-hidden", "true");
    this.lanes = addElement("div", "lanes", figure);
    this.handleStageEvents();
  }

  handleStageEvents() {
    const timeAt = (event) => {
      const box = this.stage.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const [start, end] = this.visibleRange();
      return start + share * (end - start);
    };
    let dragStart = null;
    this.stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      dragStart = { x: event.clientX, time: timeAt(event) };
      this.stage.setPointerCapture(event.pointerId);
    });
    this.stage.addEventListener("pointermove", (event) => {
      if (!dragStart || Math.abs(event.clientX - dragStart.x) < MIN_DRAG_PX) return;
      const [start, end] = [dragStart.time, timeAt(event)].sort((a, b) => a - b);
      this.place(this.selection, start, end);
      this.selection.style.display = "block";
    });
    this.stage.addEventListener("pointerup", (event) => {
      if (!dragStart) return;
      const [start, end] = [dragStart.time, timeAt(event)].sort((a, b) => a - b);
      if (Math.abs(event.clientX - dragStart.x) >= MIN_DRAG_PX) {
        this.show([start, end]);
        this.dragged = true;
      }
      dragStart = null;
      this.selection.style.display = "none";
    });
    this.stage.addEventListener("pointercancel", () => {
      dragStart = null;
      this.selection.style.display = "none";
    });
    this.stage.addEventListener("click", (event) => {
      if (this.dragged) {
        this.dragged = false;
        return;
      }
      const time = timeAt(event);
      const detection = this.data.lanes
        .flatMap((lane) => lane.detections)
        .find((each) => each.start_s <= time && time <= each.end_s);
      if (detection) this.play(detection.start_s, detection.end_s);
      else this.play(time, null);
    });
    this.stage.addEventListener("keydown", (event) => {
      const [start, end] = this.visibleRange();
      const step = (end - start) / 20;
      const actions = {
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
      if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      actions[event.key]();
    });
  }

  // Draw new data; keep the visible range unless the recording is another.
  update(data, setVisible) {
    if (this.data?.recording !== data.recording) this.visible = data.visible;
    this.data = data;
    this.setVisible = setVisible;
    this.draw();
  }

  visibleRange() {
    return this.visible ?? [0, this.data.duration_s];
  }

  sound() {
    return document.querySelector(`.st-key-${this.data.player} audio`);
  }

  show(range) {
    const duration = this.data.duration_s;
    if (range) {
      const width = Math.min(duration, Math.max(MIN_RANGE_S, range[1] - range[0]));
      const middle = (range[0] + range[1]) / 2;
      const start = Math.min(duration - width, Math.max(0, middle - width / 2));
      range = width >= 0.999 * duration ? null : [start, start + width];
    }
    this.visible = range;
    this.draw();
    clearTimeout(this.pending);
    this.pending = setTimeout(() => this.setVisible(range), 250);
  }

  zoom(factor) {
    const [start, end] = this.visibleRange();
    const now = this.sound()?.currentTime ?? 0;
    const middle = start < now && now < end ? now : (start + end) / 2;
    const half = ((end - start) * factor) / 2;
    this.show([middle - half, middle + half]);
  }

  move(share) {
    const [start, end] = this.visibleRange();
    const shift = share * (end - start);
    this.show([start + shift, end + shift]);
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
    sound.play().catch(() => {}); // the controls of the browser show the error
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
    const [start, end] = this.visibleRange();
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
    const text = `${formatTime(now, step)} of ${formatTime(this.data.duration_s, step)}`;
    if (this.time.textContent !== text) {
      this.time.textContent = text;
      this.stage.setAttribute("aria-valuenow", now.toFixed(1));
      this.stage.setAttribute("aria-valuetext", text);
    }
  }

  // Place an element over a range of times.
  place(element, from, to) {
    const [start, end] = this.visibleRange();
    const left = Math.max(0, (from - start) / (end - start));
    const right = Math.min(1, (to - start) / (end - start));
    element.style.left = `${100 * left}%`;
    element.style.width = `${Math.max(0, 100 * (right - left))}%`;
  }

  draw() {
    const data = this.data;
    const [start, end] = this.visibleRange();
    this.stage.setAttribute("aria-label", data.label);
    this.stage.setAttribute("aria-valuemin", 0);
    this.stage.setAttribute("aria-valuemax", data.duration_s.toFixed(1));
    this.image.alt = data.label;
    this.image.draggable = false;
    if (this.image.src !== data.image) this.image.src = data.image;
    // Until the image of a new range arrives, the old one is stretched.
    const scale = (data.image_end_s - data.image_start_s) / (end - start);
    this.image.style.width = `${100 * scale}%`;
    this.image.style.left = `${(100 * (data.image_start_s - start)) / (end - start)}%`;
    this.axis.replaceChildren();
    for (const tick of data.khz) {
      addElement("div", "tick", this.axis, tick.label).style.bottom = `${100 * tick.height}%`;
    }
    this.drawTimes(start, end);
    this.drawLanes(start, end);
    const zoomed = this.visible !== null;
    for (const tool of [this.earlier, this.later, this.whole]) tool.disabled = !zoomed;
  }

  drawTimes(start, end) {
    const width = end - start;
    const step = STEPS_S.find((each) => width / each <= MAX_TICKS) ?? width / MAX_TICKS;
    this.times.replaceChildren();
    for (let i = Math.ceil(start / step - 1e-9); i * step <= end + 1e-9; i++) {
      const share = (i * step - start) / (end - start);
      const unit = this.data.duration_s < 120 ? Math.min(step, 0.5) : step;
      const tick = addElement("div", "tick", this.times, formatTime(i * step, unit));
      tick.style.left = `${100 * share}%`;
      // Keep the first and the last label inside the figure.
      tick.style.transform = `translateX(${share < 0.03 ? 0 : share > 0.97 ? -100 : -50}%)`;
    }
  }

  drawLanes(start, end) {
    const minGap = MIN_GAP * (end - start);
    this.marks.replaceChildren();
    const focused = this.root.activeElement?.dataset?.detection;
    this.lanes.replaceChildren();
    if (!this.data.lanes.length) addElement("div", "no-detections", this.lanes, "No detections.");
    for (const [number, lane] of this.data.lanes.entries()) {
      const title = addElement("div", "title", this.lanes);
      addElement("span", lane.italic ? "taxon italic" : "taxon", title, lane.taxon);
      addElement("span", "details", title, lane.details);
      const track = addElement("div", "track", this.lanes);
      const runs = [];
      for (const detection of lane.detections) {
        const last = runs.at(-1);
        if (last && detection.start_s - last.end_s < minGap) {
          last.end_s = Math.max(last.end_s, detection.end_s);
          last.n += 1;
        } else runs.push({ ...detection, n: 1 });
      }
      for (const [position, run] of runs.entries()) {
        if (run.end_s < start || run.start_s > end) continue;
        const mark = addElement("div", "mark", this.marks);
        mark.style.setProperty("--lane", lane.colour);
        this.place(mark, run.start_s, run.end_s);
        const bar = addElement("button", "bar", track);
        bar.type = "button";
        bar.dataset.detection = `${number}-${position}`;
        bar.style.setProperty("--lane", lane.colour);
        this.place(bar, run.start_s, run.end_s);
        const label = run.n > 1 ? `${run.n} detections` : run.label;
        const step = this.data.duration_s < 120 ? 0.1 : 1;
        const when = `${formatTime(run.start_s, step)} to ${formatTime(run.end_s, step)}`;
        bar.title = `${lane.taxon}: ${label}, ${when}`;
        bar.setAttribute("aria-label", `Play ${lane.taxon}, ${label}, ${when}`);
        bar.addEventListener("click", () => this.play(run.start_s, run.end_s));
        if (bar.dataset.detection === focused) bar.focus();
      }
    }
  }

  close() {
    cancelAnimationFrame(this.ticking);
    clearTimeout(this.pending);
  }
}

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  parentElement.soundFigure ??= new SoundFigure(parentElement);
  parentElement.soundFigure.update(data, (range) => setStateValue("visible", range));
  return () => {
    parentElement.soundFigure?.close();
    delete parentElement.soundFigure;
  };
}
