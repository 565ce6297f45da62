#!/usr/bin/env bash
# Reads every file of this directory with the tools that will run it, as far as they need no server: make lint-deploy.
# A tool that is missing fails the check. Of Debian: promtool (package prometheus), systemd-analyze (package systemd).
set -euo pipefail
cd "$(dirname "$0")"
scratch=$(mktemp --directory)
trap 'rm -r "$scratch"' EXIT

hadolint Dockerfile

sed 's/=$/=x/' .env.example > "$scratch/env"
docker-compose --env-file "$scratch/env" --file compose.yaml config --quiet

helm lint --strict --quiet helm/syncd
helm lint --strict --quiet --values helm/syncd/ci/everything-values.yaml helm/syncd
helm template syncd helm/syncd > "$scratch/chart.yaml"
helm template prod helm/syncd --values helm/syncd/ci/everything-values.yaml > "$scratch/chart-everything.yaml"
kubectl kustomize kubernetes > "$scratch/kustomized.yaml"
# It has no schema of a ServiceMonitor, which is no kind of Kubernetes' own, and says so.
kubernetes-validate --strict --kubernetes-version 1.31 "$scratch"/*.yaml

promtool check config prometheus/prometheus.yml
promtool test rules prometheus/alerts.test.yaml

# The program is not installed where this runs; a lingering warning fails the check like an error.
sed 's#^ExecStart=/opt/syncd/bin/syncd#ExecStart=/bin/true#' systemd/syncd.service > "$scratch/syncd.service"
systemd-analyze verify "$scratch/syncd.service" 2>&1 | tee "$scratch/verify"
[ ! -s "$scratch/verify" ]
systemd-analyze security --offline=true --threshold=15 "$scratch/syncd.service" > "$scratch/security"
tail --lines=1 "$scratch/security"
