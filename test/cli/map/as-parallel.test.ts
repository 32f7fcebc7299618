// Whole command lines through GNU Parallel and `thence map`: standard output, exit code, and the files
// that they leave are the same, job logs among them; times aside.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasParallel, inFolder, readsCsv } from "./parallel.ts";

/** GNU Parallel keeps there what it has measured of this machine. */
let home: string;
beforeAll(() => void (home = mkdtempSync(path.join(tmpdir(), "thence-home-"))));
afterAll(() => rmSync(home, { recursive: true }));

/** A line for bash, in which `map` is the program; with expressions, one in Perl and one in JavaScript. */
type Line = string | [perl: string, javaScript: string];

const files = {
  abc: "a\nb\nc\n",
  num: "1\n2\n",
  empty: "",
  blank: "a\n\n  \nb\n",
  odd: 'it\'s\n$PATH.x `id`\n"q" \\ *\n~ # !\n a  b \n',
  nul: "a\nb\0c\0",
  eof: "a\nb\nEND\nc\n",
  tail: "a \nb\nc\nd \ne\n",
  paths: "a/b.c.d\n/x/y.tar.gz\nplain\n../up/\n",
  "table.tsv": "n\tm\n1\tx\n2\ty\n",
  "table.csv": 'n,m\n1,"x,1"\n2,"y ""q"""\n',
  "rows.csv": 'a,"b,c"\n"d ""e""",f\n',
  fasta: ">s1\nAC\nGT\n>s2\nA\n>s3\nTTT\nC\n",
  mail: "From a\nto b\n\nFrom c\nto d\n\nFrom e\n",
  commands: "echo a\necho b >&2; false\necho c\n",
};

const lines: Record<string, Line[]> = {
  "values and files": [
    "map -k echo ::: a b c",
    "map -k echo ::: a b ::: 1 2 ::: x y",
    "map -k echo {2} {1} ::: a b ::: 1 2",
    "map -k echo ::: a b :::+ 1 2",
    "map -k echo ::: a b c :::+ 1 2 ::: x y",
    "map -k echo ::: x y ::: a b :::+ 1 2 :::+ p q",
    "map -k echo :::: abc",
    "map -k echo :::: abc num",
    "map -k echo :::: abc ::::+ num",
    "map -k echo ::: x y :::: num",
    "map -k -a abc echo",
    "map -k -a abc -a num echo",
    "map -k --arg-file abc echo {1}-{2} ::: x y",
    "map -k echo < abc",
    "map -k echo :::: - num < abc",
    "map -k -a - echo < abc",
    "map -k --arg-sep ,, echo ,, a b ,, 1 ,,+ 2",
    "map -k --arg-file-sep // echo // abc // num",
    "map -k echo < empty",
    "map -k echo _{}_ < blank",
    "map -k echo _{}_ :::",
    "map -k echo _{}_ ::: a :::",
    "map -k < commands",
    "map -k ::: 'echo a' 'false' 'echo c | cat'",
    "map -j1 'cat; echo {}' ::: a b < num",
  ],
  links: [
    "map -k --link 'echo $(({1} + {2}))' ::: {1..5} ::: {10..14}",
    "map -k --link echo ::: a b c d e ::: 1 2",
    "map -k --link echo :::: abc num",
    "map -k --xapply echo {2}{1} ::: a b ::: 1",
  ],
  records: [
    "map -k -0 echo _{}_ < nul",
    "map -k --null echo _{}_ < nul",
    "printf a,b,c | map -k -d , echo _{}_",
    "printf 'a\\tb\\n\\tc' | map -k -d '\\t' echo _{}_",
    "printf 'aENDbENDc' | map -k --delimiter END echo",
    "map -k -E END echo < eof",
    "map -k --eof=b echo < eof",
    "map -k -eEND echo {} ::: a END b",
    "map -k -r echo _{}_ < blank",
    "map -k --no-run-if-empty echo _{}_ < empty",
    "map -k --trim l echo _{}_ ::: ' a ' '\tb\t'",
    "map -k --trim r echo _{}_ ::: ' a '",
    "map -k --trim lr echo _{}_ < odd",
    "map -k --trim n echo _{}_ ::: ' a '",
    "map -k -L1 echo _{}_ < tail",
    "map -k -L 2 echo _{}_ < tail",
    "map -k -l echo _{}_ < tail",
    "map -k --max-lines 2 echo _{1}-{2}_ < tail",
  ],
  columns: [
    "printf 'a,b\\nc,,d\\n' | map -k --colsep , echo {3}-{2}-{1}",
    "printf ' a ; b \\n' | map -k --colsep ';' echo _{1}_{2}_",
    "printf ' a ; b \\n' | map -k --trim n --colsep ';' echo _{1}_{2}_",
    "map -k -C '[,;]+' echo {1} {2} ::: 'a,;b' 'c;d'",
    "map -k --colsep '\\t' --header : echo {m}/{n} :::: table.tsv",
    "map -k --header : echo {n}={1.} {m} ::: n a.x b.y ::: m 1 2",
    "map -k --header : --link echo {m}{n} ::: n 1 2 ::: m 3",
    "map -k --colsep , -N2 echo {1}-{2}-{3}-{4} ::: a,b c,d e,f",
  ],
  CSV: [
    "map -k --csv echo _{1}_ _{2}_ < rows.csv",
    "map -k --csv --header : echo _{m}_ _{n}_ < table.csv",
    "printf 'a;\"b;c\"\\n' | map -k --csv --colsep ';' echo {2}",
  ],
  "jobs of several inputs": [
    "map -k -N2 echo {2}-{1} ::: a b c",
    "map -k -n 2 echo ::: a b c",
    "map -k -n2 echo x{}y ::: a b c",
    "map -k --max-args 2 echo x{}y ::: a b c",
    "map -k --max-replace-args=2 echo x{}y ::: a b c",
    "map -k -N0 echo hello ::: 1 2 3",
    "map -k -N3 echo {} ::: a b ::: 1 2",
    "map -k -j3 -m echo x{}y ::: 1 2 3 4 5 6 7",
    "map -k -j3 -X echo x{}y ::: 1 2 3 4 5 6 7",
    "map -k -j1 -X echo x{.}y z ::: a.b c.d",
    "map -k -j3 -X -N2 echo x{}y ::: 1 2 3 4 5",
    "map -k -j2 --xargs echo ::: 1 2 3 4 5",
    "map -k -j1 -s 20 -m echo ::: {1..14}",
    "map -k -j2 -s 25 -X echo x{} ::: {1..14}",
    "map -k -j1 --max-chars 30 --xargs echo {} {} ::: {1..9}",
    "map -k -j2 -mN3 echo ::: 1 2 3 4 5 6",
  ],
  "replacement strings": [
    "map -k echo {} {.} {/} {//} {/.} {#} < paths",
    "map -j1 echo {#} {%} {} ::: a b c",
    "map -k echo {2.} {1/} {-1//} {-2/.} {2} {3} ::: a/b.c ::: d/e.f",
    "map -k -I @ echo @ {} ::: a",
    "map -k -I ,, echo ,,x {.} ::: a.b",
    "map -i -k echo _{}_ ::: a",
    "map -k --er ,. --bnr ,/ --dnr ,// --bner ,/. echo ,. ,/ ,// ,/. < paths",
    "map -j1 --seqreplace ,# --slotreplace ,% echo ,# ,% ::: a b",
    "map -k echo '{} {}' {}. {1}{1} ::: 'a  b'",
    "map -k echo plain ::: a b",
    "map -k echo {none} {0} ::: a",
    "map -k -j1 'echo $PARALLEL_SEQ $PARALLEL_JOBSLOT {}' ::: a b",
  ],
  "--plus": [
    "map -k --plus echo {+/} {+.} {+..} {+...} {..} {...} {/..} {/...} < paths",
    "map -k --plus echo {+/}/{/} = {//}/{/} = {+/}/{/.}.{+.} < paths",
    "map -k --plus echo {1+.} {2..} {-1/...} {2+/} ::: a/b.c.d ::: e/f.g.h",
    "map -k -j1 --plus echo {#} {##} {0#} {0%} {slot} {%} ::: {1..11}",
    "map -k --plus echo {:-new} {1:-z} ::: '' old",
    "map -k --plus echo {:2} {:1:3} {:-2} ::: abcdef ab",
    "map -k --plus echo {#a} {#a*b} {##a*b} ::: abab ba",
    "map -k --plus echo {%b} {%a*b} {%%a*b} ::: abab ba",
    "map -k --plus echo {/b/X} {//b/Y} {/#a/S} {/%b/E} ::: abab ba",
    "map -k --plus echo {^a} {^^a} {,A} {,,A} ::: aAaA Aa",
    "map -k --plus echo {hgrp} {host} {sshlogin} {agrp} {seq} ::: a",
    "map -k --plus echo {choose_k} ::: a b ::: a b",
  ],
  expressions: [
    ["map -k echo '{= $_ *= 2 =}' ::: 1 2", "map -k echo '{= _ * 2 =}' ::: 1 2"],
    [
      "map -k echo '{= s/a/b/g; =}' ::: aa ca",
      'map -k echo \'{= _ = _.replaceAll("a", "b"); =}\' ::: aa ca',
    ],
    [
      "map -k echo '{=2 $_=uc($_) =}-{=-2 $_.=1 =}' ::: a ::: b",
      "map -k echo '{=2 _.toUpperCase() =}-{=-2 _ + 1 =}' ::: a ::: b",
    ],
    [
      'map -j1 echo \'{= $_=seq()."/".total_jobs()."/".slot() =}\' ::: a b c',
      "map -j1 echo '{= `${seq()}/${total_jobs()}/${slot()}` =}' ::: a b c",
    ],
    [
      "map -k echo '{= $_=$arg[2].$arg[1] =}' ::: a ::: b",
      "map -k echo '{= arg(2) + arg(1) =}' ::: a ::: b",
    ],
    [
      "map -j1 --joblog log echo '{= if($_ eq \"b\") { skip() } =}' ::: a b c",
      "map -j1 --joblog log echo '{= if (_ === \"b\") skip() =}' ::: a b c",
    ],
    ["map -k echo '{= uq(); =}' ::: '$((1+1))'", "map -k echo '{= uq(); =}' ::: '$((1+1))'"],
    ["map -k echo '{= $_=Q($_) =}' ::: 'a b'", "map -k echo '{= Q(_) =}' ::: 'a b'"],
    [
      "map -k --parens ,,,, echo ',, $_++ ,,' ::: 1 2",
      "map -k --parens ,,,, echo ',, Number(_) + 1 ,,' ::: 1 2",
    ],
    [
      "map -k --rpl '{d} s:/[^/]*$::' echo {d} {1d} ::: a/b/c",
      "map -k --rpl '{d} _.replace(/\\/[^/]*$/, \"\")' echo {d} {1d} ::: a/b/c",
    ],
    [
      "map -k --rpl '{r(.*?)/(.*?)} s/$$1/$$2/' echo {ra/b} {1rb/} ::: aab",
      "map -k --rpl '{r(.*?)/(.*?)} _.replace($$1, $$2)' echo {ra/b} {1rb/} ::: aab",
    ],
    [
      "map -k --filter '{1} < {2}' echo {1} {2} ::: {1..3} ::: {1..3}",
      "map -k --filter '{1} < {2}' echo {1} {2} ::: {1..3} ::: {1..3}",
    ],
    [
      'map -j1 --joblog log --filter \'"{1}" ne "b"\' echo ::: a b c',
      'map -j1 --joblog log --filter \'"{1}" !== "b"\' echo ::: a b c',
    ],
  ],
  quoting: [
    "map -k echo < odd",
    "map -k echo {} \"'{}'\" ::: 'a  b' '$UID'",
    "map -k -q echo '$HOME  {}' '*' ::: a 'b c'",
    "map -k --quote perl -e 'print \"{}\\n\"' ::: a 'b  c'",
    "map -k --shellquote < odd",
    "map -k --shellquote echo {} 'a  b' ::: \"it's\" '$x'",
    "map -k --shellquote --shellquote ::: 'a b' '*'",
    "map -k -0 echo ::: $'a\\nb' $'tab\\tend' é",
  ],
  "numbers of jobs": [
    "map -k -j2 -X echo ::: {1..9}",
    "map -k -j 3 -X echo ::: {1..9}",
    "map -k -j+1 -X echo ::: {1..9}",
    "map -k -j -1 -X echo ::: {1..9}",
    "map -k -j50% -X echo ::: {1..9}",
    "map -k -j 150% -X echo ::: {1..9}",
    "map -k --jobs 2 -m echo ::: {1..9}",
    "map -k --max-procs 4 -m echo ::: {1..9}",
    "map -k -P 2 echo ::: {1..9}",
    "map -k -P0 echo ::: {1..9}",
    "echo 3 > slots; map -k -j slots -X echo ::: {1..9}",
    "echo 1 > slots; map -j slots 'case {} in 1) echo 2 > slots; touch -d +9sec slots;; 2) touch b; made c;; 3) touch c; made b; esac' ::: 1 2 3",
    "map -j2 '[ {} = 1 ] && seen 2; echo {}' ::: 1 2 > out",
    "map -j0 '[ {} = 3 ] || seen $(({} + 1)); echo {}' ::: 1 2 3 > out",
  ],
  "order and grouping": [
    "map -k -j3 '[ {} = 3 ] || made $(({} + 1)); echo {}; touch {}' ::: 1 2 3",
    "map --keep-order -j2 'echo {}; echo e{} >&2; echo {}' ::: a b 2>&1",
    "map -j1 --group 'echo {}; echo e >&2; echo f' ::: a b 2>&1",
    "map -j1 -u 'echo {}; echo e >&2; echo f' ::: a b 2>&1",
    "map -k -j2 --ungroup '[ {} = 1 ] && seen 2; echo {}' ::: 1 2 > out",
    "map -j2 --line-buffer 'case {} in a) echo a1; seen b1; echo a2;; b) seen a1; echo b1; seen a2; echo b2; esac' ::: a b > out",
    "map -k -j2 --lb 'case {} in a) echo a1; made b; echo a2;; b) seen a1; echo b1; touch b; esac' ::: a b > out",
    "map -k --no-k -j2 '[ {} = 1 ] && seen 2; echo {}' ::: 1 2 > out",
    "map -k printf '%s' ::: a b c",
    "map -k --lb printf '%s' ::: a b c",
    "map -j1 --tag 'echo {}; echo e >&2' ::: a b 2>&1",
    "map -k --tag printf '1\\n2' ::: a b",
    "map -k --tag echo {2} ::: a b ::: 1 2",
    "map -k --tagstring '{#}:{}' echo ::: a b",
    "map -k --tagstring 'x\\t{2}' echo ::: a ::: b c",
    "map -k --lb --tag 'echo {}; printf end' ::: a b",
    "map -k -v echo {} '{}' ::: a 'b c'",
    "map -k -v false ::: a",
    "map -k -vv --dry-run echo ::: a",
    "map -j1 -t echo ::: a b 2>&1 >/dev/null",
    "map -k -t -v echo ::: a 2>/dev/null",
    "map -k -v --silent echo ::: a",
  ],
  "job log": [
    "map -j1 --joblog log 'echo {}; exit {}' ::: 0 1 2 255",
    "map -j1 --joblog log 'kill -{} $$' ::: 9 15",
    "map -j1 --joblog log 'printf {}; printf error >&2' ::: a bcd",
    "map -j1 --joblog log --lb 'printf {}; echo error >&2' ::: a bcd",
    "map -j1 --joblog log -0 ::: $'true\\nfalse' $'a\\tb'",
    "map -j1 --joblog log -v -u --tag echo ::: 'a b'",
    "map -j1 --joblog log true ::: a; map -j1 --joblog +log true ::: b",
    "map -k -j2 --joblog log '[ {} = 2 ] || made 2; touch {}' ::: 1 2",
    "map -j1 --joblog log --dry-run echo ::: a",
    "map -k no-such-command ::: a; map -k exit ::: 3 4 0",
    "map -j8 false ::: {1..102}",
  ],
  resuming: [
    "for i in 1 2; do map -j1 --joblog log --resume 'echo {}; exit {}' ::: 0 1 2; done",
    "map -j1 --joblog log 'echo {}; exit {}' ::: 0 1; map -j1 --resume --joblog log 'echo {}; exit {}' ::: 0 1 2 3",
    "map -j1 --joblog log 'echo {}; exit {}' ::: 1 0; map -j1 --resume-failed --joblog log 'echo {}; exit {}' ::: 0 1 2",
    "map -j1 --joblog log 'echo {}; [ -e f ]' ::: a b; touch f; map -j1 --retry-failed --joblog log",
    "map -j1 --joblog log 'echo {}; exit {}' ::: 0 1 2; map -j1 --retry-failed --joblog log",
    "map -j1 --joblog log --halt now,fail=1 'echo {}; exit {}' ::: 0 3 0; map -j1 --resume --joblog log 'echo {}; exit {}' ::: 0 3 0",
    "map -j1 --joblog log --resume echo ::: a; head -2 log | wc -l; map -j1 --joblog log --resume echo ::: a b",
    "map -j1 --results r echo ::: a; map -j1 --results r --resume echo ::: a b",
  ],
  retries: [
    "map -j1 --retries 3 --joblog log 'echo x >> n{}; wc -l < n{}; exit {}' ::: 0 1",
    "map -j1 --retries 5 'echo x >> n; wc -l < n; [ $(wc -l < n) = 3 ] #' ::: a",
    "map -k --retries 2 'echo {}; exit {}' ::: 0 1 2 0",
    "map -j1 --retries 2 --joblog log --timeout 0.5 'echo x >> n; sleep {}' ::: 60",
  ],
  "time limits": [
    "map -j1 --timeout 2 --joblog log 'echo {}; sleep {}; echo end' ::: 0 60 0",
    "map -j2 -k --timeout 2s 'echo {}; sleep {}; echo end' ::: 60 0 60",
    "map -j1 --timeout 1 --joblog log 'echo {}; trap \"exit 0\" TERM; sleep 60 & wait' ::: a",
    "map -j1 --timeout 900% --joblog log 'echo {}; sleep {}' ::: 0.2 0.2 0.2 0.2 60",
  ],
  halts: [
    ...["never", "0"].map(
      (halt) => `map -j1 --joblog log --halt ${halt} 'echo {}; exit {}' ::: 0 1 2`,
    ),
    ...[
      "soon,fail=1",
      "now,fail=1",
      "soon,fail=2",
      "now,fail=2",
      "soon,fail=40%",
      "now,fail=30%",
      "1",
      "2",
      "40%",
    ].map((halt) => `map -j1 --joblog log --halt ${halt} 'echo {}; exit {}' ::: 0 3 0 4 0`),
    ...["soon,success=1", "now,success=1", "soon,success=2", "now,success=50%", "-1", "-2"].map(
      (halt) => `map -j1 --joblog log --halt ${halt} 'echo {}; exit {}' ::: 3 0 4 0`,
    ),
    ...["soon,done=1", "now,done=2", "soon,done=50%", "now,done=100%"].map(
      (halt) => `map -j1 --joblog log --halt ${halt} 'echo {}; exit {}' ::: 3 0 4 0`,
    ),
    ...["now,done=2", "soon,done=2"].flatMap((halt) => [
      `map -j1 --halt ${halt} 'echo {}; exit {}' ::: 0 0 4 0`,
      `map -j1 --halt ${halt} 'echo {}; exit {}' ::: 3 4 0`,
    ]),
    "map -j2 --halt now,fail=1 --joblog log 'case {} in a) touch a; sleep 60;; b) made a; false; esac' ::: a b c",
    "map -j2 --halt soon,fail=1 --joblog log 'case {} in a) seen b;; b) echo b; false; esac' ::: a b c > out",
    "map -j2 --halt-on-error now,success=1 'case {} in a) touch a; sleep 60;; b) made a; echo b; esac' ::: a b c",
    "map -j2 -k --halt now,done=1 'case {} in a) touch a; sleep 60;; b) made a; echo b; esac' ::: a b c",
  ],
  results: [
    "map -j1 --results r 'echo {}; echo e >&2' ::: a b/c",
    "map -k --results r echo ::: a b ::: 1 2",
    "map -k --header : --results r echo ::: n a b ::: m 1",
    "map -k --results r/{1}-{2} echo ::: a ::: 1 2",
    "map -k --results r/{}/ echo ::: a b",
    "map -j1 --results r.csv 'echo {}; echo e >&2; exit {1}' ::: 1 2 ::: 'a \"b\"'",
    "map -j1 --results r.tsv 'echo {}; echo e >&2' ::: a 'b c'",
    "map -j1 --results r.json 'echo {}; echo e >&2' ::: a 'b \"c\"'",
    "map -j1 --results -.csv echo ::: a 'b c'",
    "map -j1 --header : --results -.csv echo ::: name a 'b c'",
    "map -j1 --results r --joblog log --tag 'printf {}; exit 2' ::: a b",
  ],
  "where jobs run": [
    "map -k --dry-run echo {} '> f{}' ::: a 'b c'",
    "map -k --dryrun -j1 --tag echo {%} ::: a b",
    "map --dry-run -k -v echo ::: a",
    "map --shuf --joblog log echo ::: {1..9} | sort; cut -f5-8 log | sort; rm log",
    "map --shuf -N2 -j1 echo ::: {1..9} | tr ' ' '\\n' | sort",
    "map -k --wd sub 'basename $PWD; touch {}' ::: a b",
    "map -k --wd sub/{} 'basename $PWD' ::: a b",
    "map -k --wd . 'ls' ::: abc num",
    "map -k --wd ... 'ls; basename $PWD | sed s/.*-// #' ::: a b",
    "map -k --wd /tmp 'pwd; echo {}' ::: a",
    "A=1 B=2 map -k --env A --env B 'echo $A $B {}' ::: a b",
    "A=1 B=2 map -k --env A,B 'echo $A $B {}' ::: a b",
    "f() { echo \"<$1>\"; }; export -f f; map -k --env f f ::: a 'b c'",
  ],
  "blocks of standard input": [
    "seq 100 | map --pipe -k --block 50 wc -c",
    "seq 1000 | map --pipe -k --block 1k wc",
    "seq 10 | map --pipe -k -N3 'cat; echo -'",
    "seq 10 | map --pipe -k -L 2 -N 2 'cat; echo -'",
    "seq 10 | map --pipe -k -n 4 cat -n",
    "map --pipe -k --recstart '>' -N1 'cat; echo -' < fasta",
    "map --pipe -k --recend '\\n\\n' --block 20 'cat; echo -' < mail",
    "map --pipe -k --recstart From --recend '\\n\\n' -N1 'cat; echo -' < mail",
    "map --pipe -k --regexp --recstart '>s[0-9]' -N2 'cat; echo -' < fasta",
    "map --pipe -k --rrs --recend , -N2 'cat; echo' <<< a,b,c,d",
    "map --pipe -k --header : -N1 'cat; echo -' < table.tsv",
    "seq 10 | map --pipe -k -N4 --cat 'wc -l < {}; cat {}'",
    "seq 10 | map --pipe -j1 -N4 --joblog log cat",
    "seq 10 | map --pipe -k -N4 --tagstring '{#}' cat",
    "seq 10 | map --pipe -k -N4 'cat >/dev/null; exit {#}'",
    "map --pipe -k cat < empty",
    "seq 10 | map --pipe -k -N4 --dry-run cat",
  ],
  "states on standard error": [
    "map -k --bar 'echo {}; exit {}' ::: 0 1 2>/dev/null",
    "map -k --eta 'echo {}; exit {}' ::: 0 1 2>/dev/null",
    "map -k --progress 'echo {}; exit {}' ::: 0 1 2>/dev/null",
    "map -j1 --bar --eta --joblog log echo ::: a b 2>/dev/null",
  ],
  "wrong lines": [
    "map --no-such-option echo ::: a >/dev/null 2>&1",
    "map echo :::: no-such-file 2>/dev/null",
    "map --halt nonsense echo ::: a 2>/dev/null",
    "map --resume echo ::: a 2>/dev/null",
    "map -j nonsense echo ::: a >/dev/null 2>&1",
  ],
};

const commands = {
  theirs: "parallel --will-cite",
  ours: `'${process.execPath}' '${path.join(import.meta.dirname, "../../../cli/bin.js")}' map`,
};

/** For jobs that wait for what others have printed to the file `out`, or for a file. */
const functions = `
  seen() { until grep -qs -e "$1" out; do sleep 0.02; done; }
  made() { until [ -e "$1" ]; do sleep 0.02; done; }
  export -f seen made
`;

describe.skipIf(!hasParallel).each(Object.entries(lines))("as GNU Parallel: %s", (topic, all) => {
  const pairs = all.map((line) => (typeof line === "string" ? [line, line] : line));
  const options = { concurrent: true, timeout: 60_000 };
  test.skipIf(topic === "CSV" && !readsCsv).each(pairs)("%s", options, async (theirs, ours) => {
    const [expected, found] = await Promise.all([run("theirs", theirs), run("ours", ours)]);
    expect(found).toEqual(expected);
  });
});

/** Runs a line in a folder of its own, and tells what came of it. */
function run(side: keyof typeof commands, line: string) {
  return inFolder(async (folder) => {
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
    const { PATH, NODE_COMPILE_CACHE } = process.env;
    const script = `${functions}\nmap() { ${commands[side]} "$@"; }\n${line}`;
    const child = spawn("bash", ["-c", script], {
      cwd: folder,
      env: { PATH, NODE_COMPILE_CACHE, HOME: home, LC_ALL: "C.UTF-8" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let stdout = "";
    child.stdout.setEncoding("latin1").on("data", (text) => (stdout += String(text)));
    const [status] = (await once(child, "close")) as [number];
    return { status, stdout: withoutTimes(stdout), files: filesIn(folder) };
  });
}

/** The files that were made, with their text. */
function filesIn(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const file = path.join(folder, name);
    if (name in files || !statSync(file).isFile()) continue;
    found[name] = withoutTimes(readFileSync(file, "latin1"));
  }
  return found;
}

/** Start and duration, as in job logs and tables of results, are replaced. */
function withoutTimes(text: string): string {
  return text.replace(/\b(\d{10}\.\d{3})(\D+)\d+\.\d{3}\b/g, "START$2TIME");
}
