# Every command works from a clean clone; what it needs is installed first, into .tools and .venv.
.DEFAULT_GOAL := help
.PHONY: help run test check format bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## start the server (settings: docs/settings.md)
	@tools/setup.sh run
	@exec .venv/bin/hearthside serve $(ARGS)

test: ## all tests; ARGS="tests/kit -k events" for some
	@tools/test.sh $(ARGS)

check: ## lint, format, types, floors
	@tools/setup.sh dev
	@status=0; for tool in "ruff check" "ruff format --check" basedpyright lint-imports; do \
		echo "$$tool"; .venv/bin/$$tool || status=1; done; exit $$status

format: ## put the code into the project's form
	@tools/setup.sh dev
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

bench: ## start-up and streaming, measured (bench/README.md)
	@tools/setup.sh dev
	@.venv/bin/python -m bench $(ARGS)

lock: ## resolve the dependencies anew; UPGRADE=1 for newer versions
	@tools/setup.sh run
	@tools/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove what was installed and cached; data/ stays
	rm -rf .venv .tools .pytest_cache .ruff_cache .import_linter_cache build dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
