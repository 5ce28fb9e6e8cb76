import type { WriteStream } from 'node:tty';

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const labelWidth = 30;

/** The live progress of `npm start`: one line a step; on a terminal the running step moves in place. */
export class Display {
  readonly #out: WriteStream;
  readonly #isTerminal: boolean;
  readonly #colours: boolean;
  #frame = 0;
  #hasLive = false;
  #lastPlain = '';

  constructor(out: WriteStream) {
    this.#out = out;
    this.#isTerminal = out.isTTY === true;
    this.#colours = this.#isTerminal && !process.env['NO_COLOR'];
  }

  title(text: string): void {
    this.line(this.#paint('1', text));
  }

  line(text: string): void {
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  /** A running step and what it does now. */
  progress(label: string, detail: string): void {
    if (!this.#isTerminal) {
      // In a file one line says that a step has begun; what it goes through is in the dashboard.
      if (this.#lastPlain === label) return;
      this.#lastPlain = label;
      this.#out.write(`  … ${label}\n`);
      return;
    }
    this.#clear();
    this.#frame = (this.#frame + 1) % spinner.length;
    const room = (this.#out.columns ?? 80) - 2;
    this.#out.write(
      `${this.#paint('36', spinner[this.#frame]!)} ${`${label.padEnd(labelWidth)} ${detail}`.slice(0, room - 2)}`,
    );
    this.#hasLive = true;
  }

  done(label: string, detail: string, seconds?: number): void {
    const time = seconds === undefined ? '' : this.#paint('2', `  ${seconds.toFixed(1)} s`);
    this.line(`${this.#paint('32', '✓')} ${label.padEnd(labelWidth)} ${detail}${time}`);
  }

  failed(label: string, detail: string): void {
    this.line(`${this.#paint('31', '✗')} ${label.padEnd(labelWidth)} ${detail}`);
  }

  /** Runs a step with its progress; shows how it ended. */
  async step<T>(
    label: string,
    work: (progress: (line: string) => void) => Promise<{ value: T; detail: string }>,
  ): Promise<T> {
    const began = Date.now();
    let detail = '';
    this.progress(label, detail);
    const timer = setInterval(() => this.progress(label, detail), 100);
    try {
      const { value, detail: end } = await work((line) => {
        detail = line;
      });
      clearInterval(timer);
      this.done(label, end, (Date.now() - began) / 1000);
      return value;
    } catch (error) {
      clearInterval(timer);
      this.failed(label, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  #clear(): void {
    if (!this.#hasLive) return;
    // ECMA-48: to the first column, erase to the end of the line.
    this.#out.write('\r\u001b[K');
    this.#hasLive = false;
  }

  #paint(code: string, text: string): string {
    return this.#colours ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}
