// The other end of `Started.ask`: what a process of the benchmarks does when the runner asks.

/** Answers every question of the parent, and ends this process when the parent is gone. */
export function answerQuestions<Question>(answer: (question: Question) => Promise<unknown>): void {
  process.on("disconnect", () => process.exit());
  process.on("message", ({ id, question }: { id: number; question: Question }) => {
    answer(question).then(
      (value) => process.send?.({ id, value }),
      (error: unknown) => {
        process.send?.({ id, error: error instanceof Error ? error.stack : String(error) });
      },
    );
  });
}
