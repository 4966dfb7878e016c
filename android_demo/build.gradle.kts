plugins {
    alias(libs.plugins.android.application) apply false
    alias(libs.plugins.android.library) apply false
}

val version = Regex("(?m)^version = \"([^\"]+)\"$").find(file("../pyproject.toml").readText())!!.groupValues[1]
val numbers = version.split(".").map { part -> part.takeWhile(Char::isDigit).ifEmpty { "0" }.toInt() }

allprojects {
    group = "org.facesdk"
    this.version = version
    extra["versionCode"] = 1_000_000 * numbers[0] + 1_000 * numbers[1] + numbers[2]
}
