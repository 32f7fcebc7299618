// Type-aware lint: a floating promise, an `any`, or a clock in the core is an error.
// test/house/layers.test.ts checks which folders may import each other.

import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  {
    ignores: [
      "test/fixtures/modules/*.cjs",
      "dist/",
      "coverage/",
      ".nodes/",
      ".peers/",
      "examples/**/out/",
      "test/types/cases/",
    ],
  },
  js.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      // The compiler checks names.
      "no-undef": "off",
      eqeqeq: "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "Exports have names." },
        { selector: "ExportAllDeclaration", message: "No barrels: import from the file itself." },
        {
          selector: "VariableDeclaration[kind=/using/]",
          message: "`using` is not in Node 22: write try and finally.",
        },
      ],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-definitions": ["error", "type"],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrorsIgnorePattern: "^_" },
      ],
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true },
      ],
      // Two kinds of ids may both be strings, and a signature with both names says more.
      "@typescript-eslint/no-duplicate-type-constituents": "off",
      // An async function without await adapts a synchronous answer to an asynchronous type.
      "@typescript-eslint/require-await": "off",
    },
  },
  {
    // The core is a function of its arguments.
    files: ["scheduler/core/**"],
    rules: {
      "no-restricted-globals": [
        "error",
        { name: "Date", message: "Time is an argument of `step`." },
        { name: "Promise", message: "The core never waits." },
        { name: "WeakRef", message: "The core does not depend on the garbage collector." },
        { name: "FinalizationRegistry", message: "The core does not depend on the collector." },
      ],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "The core has no randomness of its own." },
      ],
      "no-restricted-syntax": [
        "error",
        { selector: ":function[async=true]", message: "The core never waits." },
        { selector: "ImportExpression", message: "The core loads nothing." },
        { selector: "ExportDefaultDeclaration", message: "Exports have names." },
        { selector: "ExportAllDeclaration", message: "No barrels: import from the file itself." },
      ],
    },
  },
  {
    // Tests use untyped values on purpose: parsed JSON, broken frames, matchers.
    files: ["test/**", "benchmarks/**"],
    rules: {
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  // Plain JavaScript that any version of Node can run: the launchers, and npm's install script.
  { files: ["**/*.js"], extends: [tseslint.configs.disableTypeChecked] },
  {
    // Tools require a default export in their configuration.
    files: ["*.config.{js,ts}", "test/**/fixtures/**", "test/**/*.d.ts"],
    rules: { "no-restricted-syntax": "off" },
  },
);
