// Typed words and sound files: the server hears them as a whole, and light follows the playback.

export class Whole {
  // show: gets the answer and the seconds that have been played, about at every frame.
  constructor(show, onEnd) {
    this.show = show;
    this.onEnd = onEnd;
    this.player = new Audio();
    this.player.addEventListener("ended", () => this.stop());
  }

  // The answer, once it came. Throws an Error whose message is for people, or an AbortError where
  // something else was begun since.
  async ask(path, body) {
    this.stop();
    this.asking = new AbortController();
    let response;
    try {
      response = await fetch(path, { method: "POST", body, signal: this.asking.signal });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Error("The explorer does not answer.");
    }
    const answer = await response.json().catch(() => ({ error: response.statusText }));
    if (!response.ok) throw new Error(answer.error || "The explorer refuses this sound.");
    return answer;
  }

  async play(answer) {
    const bytes = Uint8Array.from(atob(answer.sound), (sign) => sign.charCodeAt(0));
    this.address = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
    this.player.src = this.address;
    this.answer = answer;
    try {
      await this.player.play();
    } catch (error) {
      if (error.name === "AbortError") throw error; // it was stopped before it began
      this.stop();
      throw new Error(`The browser does not play the sound: ${error.message}`);
    }
    const follow = () => {
      if (this.answer !== answer) return;
      this.show(answer, this.player.currentTime);
      requestAnimationFrame(follow);
    };
    follow();
  }

  stop() {
    this.asking?.abort();
    if (!this.answer) return;
    const { answer } = this;
    this.answer = null;
    this.player.pause();
    URL.revokeObjectURL(this.address);
    this.show(answer, answer.seconds);
    this.onEnd();
  }
}
