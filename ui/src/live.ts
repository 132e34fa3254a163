// The service as it is polled: a lost connection is noticed and tried again.

const RETRY_MS = [500, 1000, 2000, 5000];

/** Calls `look` again and again; after a failure sooner at first, then less often. */
export class Poll {
  private failures = 0;
  private timer = 0;
  private running = false;
  private again = false;

  constructor(private readonly look: () => Promise<void>, private readonly every: number, private readonly told: (error: Error | null) => void) {
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.now(); });
  }

  now(): void {
    clearTimeout(this.timer);
    if (this.running) this.again = true;
    else void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      await this.look();
      this.failures = 0;
      this.told(null);
    } catch (error) {
      this.failures++;
      this.told(error instanceof Error ? error : new Error(String(error)));
    }
    this.running = false;
    const wait = this.again ? 0 : this.failures ? RETRY_MS[Math.min(this.failures, RETRY_MS.length) - 1] : document.hidden ? this.every * 5 : this.every;
    this.again = false;
    this.timer = setTimeout(() => this.now(), wait);
  }
}
