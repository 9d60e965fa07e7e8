# Adequacy of the columns other than the score, by R's rms, from cases/creators.csv: adequacy_values.json.
# Usage, from this folder: Rscript make_adequacy_values.R
#
# Harrell's adequacy is the likelihood ratio of a subset of the columns over that of all of them; rms prints the
# likelihood ratio of a fit as "Model L.R.". The negative binomial, which rms does not have, is MASS::glm.nb with
# each model's own dispersion.
suppressPackageStartupMessages({library(rms); library(MASS)})
options(warn = 1)
data <- read.csv("cases/creators.csv")
FULL <- c("score", "e1", "e2", "x1"); REDUCED <- c("e1", "e2", "x1")
eq <- function(y, terms) reformulate(terms, response = y)
tight <- glm.control(epsilon = 1e-15, maxit = 200)
positive <- data[data$y_rev > 0, ]

ratios <- list(
  ols = function(terms) ols(eq("y_cont", terms), data = data)$stats[["Model L.R."]],
  logit = function(terms) lrm(eq("y_bin", terms), data = data, eps = 1e-13, maxit = 200)$stats[["Model L.R."]],
  poisson_rev = function(terms) {
    fit <- suppressWarnings(Glm(eq("y_rev", terms), data = data, family = poisson(), control = tight))
    fit$null.deviance - fit$deviance
  },
  poisson_count = function(terms) {
    fit <- Glm(eq("y_count", terms), data = data, family = poisson(), control = tight)
    fit$null.deviance - fit$deviance
  },
  gamma = function(terms) {
    fit <- Glm(eq("y_rev", terms), data = positive, family = Gamma(link = "log"), control = tight)
    fit$null.deviance - fit$deviance
  },
  nb2 = function(terms) {
    at <- function(formula) as.numeric(logLik(glm.nb(formula, data = data, control = glm.control(epsilon = 1e-14, maxit = 500))))
    2 * (at(eq("y_count", terms)) - at(y_count ~ 1))
  }
)
number <- function(x) sprintf("%.17g", x)
lines <- vapply(names(ratios), function(name) {
  full <- ratios[[name]](FULL); reduced <- ratios[[name]](REDUCED)
  sprintf('  "%s": {"full": %s, "reduced": %s, "adequacy": %s}', name, number(full), number(reduced), number(reduced / full))
}, "")
about <- sprintf('  "about": "%s, rms %s, MASS %s"', R.version.string, packageVersion("rms"), packageVersion("MASS"))
writeLines(c("{", paste(c(about, lines), collapse = ",\n"), "}"), "adequacy_values.json")
