# Reference values for noise in engagement, from software that shares no code with ours.
#   Rscript make_correction_values.R, from this folder     (Debian: r-cran-lavaan, r-cran-bayesfactor, r-cran-jsonlite)
suppressPackageStartupMessages({library(lavaan); library(BayesFactor); library(jsonlite)})
d <- read.csv("cases/halves.csv")
d$likes <- (d$likes_odd + d$likes_even) / 2
d$half  <- (d$likes_odd - d$likes_even) / 2
d$klout <- (d$klout_odd + d$klout_even) / 2
pick <- function(fit, lhs = "sales") {
  p <- parameterEstimates(fit)
  p <- p[p$lhs == lhs & p$op == "~", ]
  list(estimate = setNames(as.list(p$est), p$rhs), std_error = setNames(as.list(p$se), p$rhs))
}
run <- function(model, ...) sem(model, data = d, estimator = "MLR", meanstructure = TRUE, fixed.x = FALSE, ...)

# Single indicator, reliability .8: the error variance is a quarter of the true variance.
declared <- run("
  truth =~ 1*likes
  likes ~~ th*likes
  truth ~~ ph*truth
  th == 0.25*ph
  sales ~ truth + klout + age
  truth ~~ klout + age
  klout ~~ age
")
# The error variance of the mean of two halves is the variance of half their difference. The model is just identified,
# so that the robust standard errors are those of the stacked moments.
halves <- run("
  truth =~ 1*likes
  likes ~~ th*likes
  half ~~ th*half
  half ~~ truth + klout + age
  half ~~ sales
  sales ~ truth + klout + age
  truth ~~ klout + age
  klout ~~ age
")
clustered <- run("
  truth =~ 1*likes
  likes ~~ th*likes
  half ~~ th*half
  half ~~ truth + klout + age
  half ~~ sales
  sales ~ truth + klout + age
  truth ~~ klout + age
  klout ~~ age
", cluster = "team")
jzs <- function(n, p, r2) linearReg.R2stat(N = n, p = p, R2 = r2, rscale = sqrt(2) / 4, simple = TRUE)
out <- list(
  versions = list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")),
                  BayesFactor = as.character(packageVersion("BayesFactor"))),
  declared = pick(declared), halves = pick(halves), clustered = pick(clustered),
  jzs = list(list(n = 300, p = 2, r2 = 0.31, factor = jzs(300, 2, 0.31)[[1]]),
             list(n = 300, p = 1, r2 = 0.30, factor = jzs(300, 1, 0.30)[[1]]),
             list(n = 60, p = 3, r2 = 0.12, factor = jzs(60, 3, 0.12)[[1]]),
             list(n = 1000, p = 2, r2 = 0.02, factor = jzs(1000, 2, 0.02)[[1]])))
write_json(out, "correction_values.json", auto_unbox = TRUE, digits = 15, pretty = TRUE)
