# Reference values from R (stats, sandwich, lmtest, MASS, clubSandwich, statmod): r_values.json from cases/creators.csv.
# Usage, from this folder: Rscript make_r_values.R
#
# Every number is written with 17 significant digits, which jsonlite cannot do (it stops at 15), hence the small writer at the end.
# glm() is refitted from its own estimate until nothing moves: the working weights kept in a glm object are those of the
# last-but-one iterate, and sandwich, hatvalues() and vcov() all use them.
suppressPackageStartupMessages({library(sandwich); library(lmtest); library(MASS); library(splines)})
options(warn = 1)
data <- read.csv("cases/creators.csv")
FULL <- c("score", "e1", "e2", "x1"); REDUCED <- c("e1", "e2", "x1")
eq <- function(y, terms) reformulate(terms, response = y)

# ---- fits -----------------------------------------------------------------------------------------------------------
polish <- function(refit, fit, rounds = 60) {
  best <- Inf
  for (i in seq_len(rounds)) {
    new <- refit(coef(fit)); move <- max(abs(coef(new) - coef(fit)) / pmax(abs(coef(fit)), 1e-3)); fit <- new
    if (move == 0 || (move < 1e-13 && move >= best)) break
    best <- move
  }
  stopifnot(move < 1e-12); fit
}
fit_glm <- function(formula, family, rows) {
  control <- glm.control(epsilon = 1e-14, maxit = 200)
  first <- glm(formula, family = family, data = rows, control = control)
  polish(function(start) suppressWarnings(glm(formula, family = family, data = rows, control = control, start = start)), first)
}

# ---- covariances ----------------------------------------------------------------------------------------------------
crv1 <- function(fit, cluster) {                       # explicit: G/(G-1) (n-1)/(n-k) bread (sum of cluster scores squared) bread
  ef <- estfun(fit); n <- nrow(ef); k <- ncol(ef); G <- length(unique(cluster)); B <- bread(fit) / n
  B %*% crossprod(rowsum(ef, cluster)) %*% B * (G / (G - 1)) * ((n - 1) / (n - k))
}
crv3 <- function(fit, refit, rows) {                   # delete one cluster, refit, squares around the FULL estimate, times (G-1)/G
  groups <- sort(unique(rows$cluster)); G <- length(groups)
  dev <- t(sapply(groups, function(g) coef(refit(rows[rows$cluster != g, ])) - coef(fit)))
  list(vcov = crossprod(dev) * (G - 1) / G, dev = dev)
}
same <- function(a, b, tol, what) {
  gap <- max(abs(a - b) / (sqrt(outer(abs(diag(as.matrix(b))), abs(diag(as.matrix(b)))))))
  if (!(gap < tol)) stop(what, ": differs by ", gap); gap
}
covariances <- function(fit, refit, rows, types) {
  v <- lapply(setNames(types, types), function(t) vcovHC(fit, type = t))
  v$CRV1 <- crv1(fit, rows$cluster)
  jack <- crv3(fit, refit, rows); v$CRV3 <- jack$vcov
  checks <- list(
    crv1_is_vcovCL_HC1_cadjust = same(vcovCL(fit, cluster = rows$cluster, type = "HC1", cadjust = TRUE), v$CRV1, 1e-10, "vcovCL"),
    hc1_is_hc0_n_over_n_minus_k = same(v$HC1, v$HC0 * nrow(rows) / (nrow(rows) - length(coef(fit))), 1e-10, "HC1"))
  if (inherits(fit, "glm")) {                           # the one-step counterpart; not the refits, so stored beside them
    v$CRV3_one_step <- vcovCL(fit, cluster = rows$cluster, type = "HC3", cadjust = FALSE)
  } else {
    checks$crv3_is_vcovCL_HC3_no_cadjust <- same(vcovCL(fit, cluster = rows$cluster, type = "HC3", cadjust = FALSE), v$CRV3, 1e-9, "vcovCL HC3")
    G <- length(unique(rows$cluster))
    checks$crv3_is_clubSandwich_CR3_times_G_minus_1_over_G <-
      same(as.matrix(clubSandwich::vcovCR(fit, cluster = rows$cluster, type = "CR3")) * (G - 1) / G, v$CRV3, 1e-9, "CR3")
  }
  list(vcov = lapply(v, function(m) unname(as.matrix(m))), delete_one = unname(jack$dev), checks = checks)
}
head_of <- function(fit, formula, rows) list(formula = deparse(formula), n = nrow(rows), k = length(coef(fit)),
  clusters = length(unique(rows$cluster)), names = I(names(coef(fit))), coef = I(unname(coef(fit))))
ci <- function(fit, v, df) unname(coefci(fit, vcov. = v, df = df, level = 0.95))

# ---- ordinary least squares -----------------------------------------------------------------------------------------
linear <- function(terms) {
  formula <- eq("y_cont", terms); fit <- lm(formula, data); n <- nrow(data); k <- length(coef(fit)); G <- length(unique(data$cluster))
  c(head_of(fit, formula, data),
    list(r2 = summary(fit)$r.squared, adj_r2 = summary(fit)$adj.r.squared, sigma = sigma(fit), rss = deviance(fit), leverage = I(unname(hatvalues(fit)))),
    covariances(fit, function(r) lm(formula, r), data, c("const", "HC0", "HC1", "HC2", "HC3")),
    list(ci95 = list(const_t_n_k = ci(fit, vcov(fit), n - k), HC3_t_n_k = ci(fit, vcovHC(fit, "HC3"), n - k),
                     CRV1_t_G_1 = ci(fit, vcovCL(fit, cluster = data$cluster, type = "HC1"), G - 1),
                     CRV3_t_G_1 = ci(fit, vcovCL(fit, cluster = data$cluster, type = "HC3", cadjust = FALSE), G - 1))))
}
ols <- list(full = linear(FULL), reduced = linear(REDUCED))
big <- lm(eq("y_cont", FULL), data); small <- lm(eq("y_cont", REDUCED), data)
wald <- waldtest(small, big, vcov = function(m) vcovHC(m, type = "HC3"), test = "F")
plain <- waldtest(small, big, test = "F")
ols$delta_r2 <- ols$full$r2 - ols$reduced$r2
ols$partial_r2 <- 1 - ols$full$rss / ols$reduced$rss
ols$waldtest_HC3 <- list(F = wald$F[2], df1 = abs(wald$Df[2]), df2 = df.residual(big), p_value = wald$`Pr(>F)`[2])
ols$waldtest_classical <- list(F = plain$F[2], df1 = abs(plain$Df[2]), df2 = df.residual(big), p_value = plain$`Pr(>F)`[2])

# ---- Poisson, logit, Gamma ------------------------------------------------------------------------------------------
score_tests <- function(reduced, rows) {   # statmod: Rao's test, model based; robust: Wooldridge's auxiliary regression of 1 on residualised score x residual
  z <- statmod::glm.scoretest(reduced, rows$score, dispersion = 1)
  w <- reduced$weights; u <- reduced$residuals * w                                  # the score contribution of the intercept
  r <- rows$score - fitted(lm.wfit(model.matrix(reduced), rows$score, w))
  aux <- lm(rep(1, nrow(rows)) ~ 0 + I(u * r))
  lm_stat <- nrow(rows) - deviance(aux)
  list(model_based_statmod = list(z = z, chi2 = z^2, df = 1, p_value = pchisq(z^2, 1, lower.tail = FALSE), dispersion = 1),
       robust_auxiliary_regression = list(chi2 = lm_stat, df = 1, p_value = pchisq(lm_stat, 1, lower.tail = FALSE)))
}
general <- function(y, terms, family, rows, types) {
  formula <- eq(y, terms); fit <- fit_glm(formula, family, rows)
  c(head_of(fit, formula, rows), list(deviance = deviance(fit), null_deviance = fit$null.deviance,
      pearson = sum(residuals(fit, "pearson")^2), loglik = if (grepl("quasi", family$family)) NULL else as.numeric(logLik(fit)),
      leverage = I(unname(hatvalues(fit))), model_vcov_dispersion_1 = unname(summary(fit, dispersion = 1)$cov.scaled)),
    covariances(fit, function(r) fit_glm(formula, family, r), rows, types))
}
pair <- function(y, family, rows = data, types = c("HC0", "HC1", "HC2", "HC3")) {
  out <- list(full = general(y, FULL, family, rows, types), reduced = general(y, REDUCED, family, rows, types))
  out$score_test <- score_tests(fit_glm(eq(y, REDUCED), family, rows), rows); out
}
poisson_rev <- pair("y_rev", quasipoisson(link = "log"))
poisson_count <- pair("y_count", poisson(link = "log"))
logit <- pair("y_bin", binomial(link = "logit"))
fit <- fit_glm(eq("y_bin", FULL), binomial(), data); X <- model.matrix(fit); p <- fitted(fit); b <- coef(fit)["score"]
J <- b * colMeans(p * (1 - p) * (1 - 2 * p) * X); J["score"] <- J["score"] + mean(p * (1 - p))
logit$ame_score <- list(ame = unname(b * mean(p * (1 - p))), jacobian = I(unname(J)),
  se = lapply(list(HC1 = vcovHC(fit, "HC1"), HC3 = vcovHC(fit, "HC3"), CRV1 = crv1(fit, data$cluster), model = summary(fit)$cov.scaled),
              function(v) sqrt(drop(t(J) %*% v %*% J))))

positive <- data[data$y_rev > 0, ]
gamma_fits <- lapply(list(full = FULL, reduced = REDUCED), function(terms) {
  formula <- eq("y_rev", terms); fit <- fit_glm(formula, Gamma(link = "log"), positive); X <- model.matrix(fit)
  y <- positive$y_rev; mu <- fitted(fit); Ho <- solve(crossprod(X * (y / mu), X)); meat <- crossprod(X * ((y - mu) / mu))
  by_hand <- solve(crossprod(X)) %*% meat %*% solve(crossprod(X))
  out <- c(head_of(fit, formula, positive), list(rows = "y_rev > 0", deviance = deviance(fit), null_deviance = fit$null.deviance,
    pearson = sum(residuals(fit, "pearson")^2), bread = "expected information, (X'X)^-1 for the log link (sandwich, R)",
    vcov = list(HC0 = unname(vcovHC(fit, "HC0")), HC1 = unname(vcovHC(fit, "HC1")), CRV1 = unname(crv1(fit, positive$cluster)), HC0_observed = unname(Ho %*% meat %*% Ho)),
    HC0_observed_bread = "observed information, (X' diag(y/mu) X)^-1; written out in R, not from a package",
    checks = list(hc0_by_hand = same(vcovHC(fit, "HC0"), by_hand, 1e-10, "Gamma HC0"))))
  out
})

# ---- negative binomial ----------------------------------------------------------------------------------------------
nb2 <- lapply(list(full = FULL, reduced = REDUCED), function(terms) {
  formula <- eq("y_count", terms)
  raw <- glm.nb(formula, data, control = glm.control(epsilon = 1e-14, maxit = 200))
  theta <- raw$theta; beta <- coef(raw)
  for (i in 1:200) {                                    # glm.nb stops theta at eps^0.25: alternate to full convergence
    fit <- glm(formula, family = negative.binomial(theta), data = data, start = beta, control = glm.control(epsilon = 1e-15, maxit = 200))
    new <- as.numeric(theta.ml(data$y_count, fitted(fit), nrow(data), eps = 1e-14, limit = 200))
    done <- abs(new - theta) < 1e-14 * theta && max(abs(coef(fit) - beta)) < 1e-14; theta <- new; beta <- coef(fit); if (done) break
  }
  fit <- polish(function(s) glm(formula, family = negative.binomial(theta), data = data, start = s, control = glm.control(epsilon = 1e-15, maxit = 200)), fit)
  X <- model.matrix(fit); y <- data$y_count; mu <- fitted(fit)
  ef <- X * (y - mu) / (1 + mu / theta); He <- solve(crossprod(X * (mu / (1 + mu / theta)), X))
  Ho <- solve(crossprod(X * (mu * (1 + y / theta) / (1 + mu / theta)^2), X)); meat <- crossprod(ef)
  ll <- sum(dnbinom(y, size = theta, mu = mu, log = TRUE))
  c(head_of(fit, formula, data), list(theta = theta, alpha = 1 / theta, loglik = ll,
    glm_nb_as_it_stops = list(coef = I(unname(coef(raw))), theta = raw$theta, se_theta = raw$SE.theta, loglik = as.numeric(logLik(raw))),
    bread = "expected information of the coefficients, theta held fixed (sandwich on MASS::glm.nb)",
    vcov = list(HC0 = unname(He %*% meat %*% He), HC0_observed_theta_fixed = unname(Ho %*% meat %*% Ho)),
    HC0_observed_note = "observed Hessian of the coefficients, theta held fixed; written out in R. The joint observed Hessian is in statsmodels_values.json",
    checks = list(hc0_is_sandwich_of_glm_nb = same(sandwich(raw), He %*% meat %*% He, 1e-4, "glm.nb HC0"),
                  hc0_is_sandwich_of_glm_at_theta = same(sandwich(fit), He %*% meat %*% He, 1e-9, "NB HC0"))))
})

# ---- natural cubic spline -------------------------------------------------------------------------------------------
q <- quantile(data$e1, c(.05, .35, .65, .95))
basis <- ns(data$e1, knots = q[2:3], Boundary.knots = q[c(1, 4)])
bent <- lm(y_cont ~ basis + score, data)
spline <- list(formula = "y_cont ~ ns(e1, 4 knots at .05 .35 .65 .95) + score", knots = I(unname(q)), n = nrow(data), k = length(coef(bent)),
  score = unname(coef(bent)["score"]), se_score = list(const = unname(sqrt(vcov(bent)["score", "score"])), HC3 = unname(sqrt(vcovHC(bent, "HC3")["score", "score"]))),
  r2 = summary(bent)$r.squared, fitted = I(unname(fitted(bent))), basis = unname(unclass(basis))[, 1:3])

# ---- writing --------------------------------------------------------------------------------------------------------
num <- function(x) ifelse(is.na(x), "null", ifelse(x == round(x) & abs(x) < 2^53, sprintf("%.0f", x), sprintf("%.17g", x)))
json <- function(x, pad = "") {
  deep <- paste0(pad, " ")
  if (is.matrix(x)) return(paste0("[", paste(apply(x, 1, function(r) paste0("[", paste(num(r), collapse = ", "), "]")), collapse = paste0(",\n", deep)), "]"))
  if (is.list(x)) {
    x <- x[!sapply(x, is.null)]
    return(paste0("{\n", paste0(deep, "\"", names(x), "\": ", sapply(x, json, pad = deep), collapse = ",\n"), "\n", pad, "}"))
  }
  items <- if (is.character(x)) paste0("\"", gsub("\"", "'", x), "\"") else num(unclass(x))
  if (length(x) == 1 && !inherits(x, "AsIs")) items else paste0("[", paste(items, collapse = ", "), "]")
}
packages <- c("stats", "sandwich", "lmtest", "MASS", "splines", "clubSandwich", "statmod")
about <- list(made_by = "make_r_values.R", data = "cases/creators.csv", R = R.version.string, platform = R.version$platform,
  packages = as.list(sapply(packages, function(p) as.character(packageVersion(p)))))
result <- list(about = about, ols = ols, poisson_rev = poisson_rev, poisson_count = poisson_count, logit = logit, gamma = gamma_fits, nb2 = nb2, spline = spline)
writeLines(json(result), "r_values.json")
