// What k6 runs for `mlops loadtest`: requests at a constant rate, each due at a moment that no answer delays.
// The plan is a file; the API key comes by the environment and is written nowhere.
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter, Trend } from 'k6/metrics';
import { SharedArray } from 'k6/data';

const plan = JSON.parse(open(__ENV.MLOPS_LOAD_PLAN));
const bodies = new SharedArray('bodies', () => JSON.parse(open(plan.bodies)));
const headers = { 'content-type': 'application/json' };
if (__ENV.MLOPS_API_KEY) headers.authorization = `Bearer ${__ENV.MLOPS_API_KEY}`;
const request = { headers, timeout: `${plan.timeout}s`, redirects: 0, responseType: 'none' };

const fromDue = new Trend('from_due');
const lag = new Trend('lag');
const answers = Object.fromEntries(plan.codes.map((code) => [code, new Counter(`answered_${code}`)]));
const others = new Counter('answered_other');

export const options = {
  scenarios: {
    load: {
      executor: 'constant-arrival-rate',
      rate: plan.rate,
      timeUnit: '1s',
      duration: `${plan.seconds}s`,
      preAllocatedVUs: plan.connections,
      maxVUs: plan.connections,
      gracefulStop: `${plan.timeout}s`,
    },
  },
  insecureSkipTLSVerify: true, // the name in a certificate is seldom 127.0.0.1; whose server it is was asked before
  systemTags: [],
  summaryTrendStats: plan.stats,
};

export default function load() {
  const number = exec.scenario.iterationInTest;
  const late = Date.now() - exec.scenario.startTime - (number * 1000) / plan.rate;
  const answer = http.post(plan.url, bodies[number % bodies.length], request);
  lag.add(Math.max(0, late));
  // the clock of JavaScript counts whole milliseconds
  fromDue.add(answer.timings.blocked + answer.timings.duration + Math.max(0, late - 1));
  (answers[answer.status] || others).add(1);
}

export function handleSummary(data) {
  const metrics = Object.entries(data.metrics).map(([name, metric]) => [name, metric.values]);
  return { [plan.result]: JSON.stringify(Object.fromEntries(metrics)) };
}
