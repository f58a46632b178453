// The microphone, from asking for it to samples.

// The model shall hear what was said: browsers' processing is made for calls.
const CONSTRAINTS = {
  channelCount: 1,
  echoCancellation: false,
  noiseSuppression: false,
  autoGainControl: false,
};

const EXPLANATIONS = {
  NotAllowedError: "The microphone was refused. Allow it beside the address, then start again.",
  NotFoundError: "There is no microphone. Connect one, or use a sound file.",
  NotReadableError: "Another program holds the microphone. Close it there, then start again.",
};

export class Microphone {
  constructor(onSound, onLost) {
    this.onSound = onSound; // gets an ArrayBuffer of 16-bit samples at 16 kHz
    this.onLost = onLost;
    this.context = null;
    this.stream = null;
  }

  get on() {
    return this.stream !== null;
  }

  // Throws an Error whose message is for people.
  async start() {
    if (!navigator.mediaDevices || !window.AudioWorkletNode) {
      throw new Error("This browser gives pages a microphone only at https:// or localhost.");
    }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: CONSTRAINTS });
      await this.connect();
    } catch (error) {
      this.stop();
      throw new Error(EXPLANATIONS[error.name] || `The microphone fails: ${error.message}`);
    }
  }

  async connect() {
    this.context = new AudioContext(await this.rate());
    await this.context.audioWorklet.addModule("/static/capture.js");
    const source = this.context.createMediaStreamSource(this.stream);
    const capture = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = (event) => this.onSound(event.data);
    source.connect(capture);
    await this.context.resume();
    this.stream.getAudioTracks()[0].addEventListener("ended", () => {
      this.stop();
      this.onLost();
    });
  }

  // Some browsers connect a microphone only to a context of its own rate.
  async rate() {
    const probe = new AudioContext({ sampleRate: 16000 });
    try {
      probe.createMediaStreamSource(this.stream).disconnect();
      return { sampleRate: 16000, latencyHint: "interactive" };
    } catch {
      return { latencyHint: "interactive" };
    } finally {
      await probe.close();
    }
  }

  stop() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.context?.close();
    this.stream = null;
    this.context = null;
  }
}
