// The public face inside a task: `import { currentTask } from "thence/worker"`.

export { currentTask, type CurrentTask } from "./current-task.ts";
